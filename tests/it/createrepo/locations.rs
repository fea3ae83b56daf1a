//! Are packages found where the locations say?

use super::{House, hrefs, read};

#[test]
fn bases_prefixes_and_cut_directories_are_the_same() {
    // 63.
    let house = House::with(2);
    house.put(2, "a/b/x.rpm");
    house.put(3, "a/y.rpm");
    for arguments in [
        &["--baseurl", "http://h/x"][..],
        &["-u", "/abs"],
        &["--baseurl=rel/x"],
        &["--cut-dirs", "1"],
        &["--cut-dirs", "9"],
        &["--location-prefix", "pp"],
        &["--location-prefix", "../pp/"],
        &["--location-prefix", "http://h/x", "--cut-dirs", "1", "--baseurl", "http://b/?a&b"],
    ] {
        house.compare(arguments);
    }
}

#[test]
fn the_old_base_stays_where_none_is_given() {
    let house = House::with(2);
    house.compare(&["--baseurl", "http://b/"]);
    let base = |said: &serde_json::Value| said["packages"][0]["location_base"].clone();
    assert_eq!(base(&house.compare(&["--update"])), "http://b/");
    house.put(2, "new.rpm");
    house.compare(&["--update"]);
    assert_eq!(base(&house.compare(&["--update", "--baseurl", "http://c"])), "http://c");
}

#[test]
fn a_base_directory_is_where_the_directory_is() {
    // Better than createrepo_c, which cuts locations anywhere.
    let house = House::with(2);
    let base = house.world.path("").display().to_string();
    house.ours(&["--basedir", &base, "dir"]).ok();
    assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 2);
}
