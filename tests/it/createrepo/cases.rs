//! Which test holds which case against createrepo_c? Every case in which the two could differ has its own line.
//!
//! `mod` is what every comparison of this room goes through.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Number, what is compared, and the function that does it.
const CASES: [(usize, &str, &str); 81] = [
    (1, "empty directory", "packages::empty_and_full_directories_say_the_same"),
    (2, "a thousand packages", "parity::a_made_up_distribution_says_the_same"),
    (3, "equal base names in two directories", "packages::empty_and_full_directories_say_the_same"),
    (4, "case, digits and marks in names", "parity::packages_shaped_by_hand_say_the_same"),
    (5, "a colon in VERSION", "parity::what_no_reader_could_read_is_written_so_that_it_can_or_left_out"),
    (6, "epochs", "parity::packages_shaped_by_hand_say_the_same"),
    (7, "tilde and caret", "parity::packages_shaped_by_hand_say_the_same"),
    (8, "arches, src and nosrc", "parity::packages_shaped_by_hand_say_the_same"),
    (9, "no files", "parity::packages_shaped_by_hand_say_the_same"),
    (10, "20,000 files", "parity::packages_shaped_by_hand_say_the_same"),
    (11, "directories, ghosts, links, flags", "parity::packages_shaped_by_hand_say_the_same"),
    (12, "which files stand in primary", "parity::packages_shaped_by_hand_say_the_same"),
    (13, "marks in names of files", "parity::packages_shaped_by_hand_say_the_same"),
    (14, "Latin-1 in every text", "parity::packages_shaped_by_hand_say_the_same"),
    (15, "control characters", "parity::packages_shaped_by_hand_say_the_same"),
    (16, "noncharacters and broken UTF-8", "parity::what_no_reader_could_read_is_written_so_that_it_can_or_left_out"),
    (17, "DEL, C1, tab, CR, LF", "parity::packages_shaped_by_hand_say_the_same"),
    (18, "empty and absent tags", "parity::packages_shaped_by_hand_say_the_same"),
    (19, "blanks and line feeds around", "parity::packages_shaped_by_hand_say_the_same"),
    (20, "translations under another language", "parity::the_language_of_whoever_runs_it_is_of_no_effect"),
    (21, "kinds of dependencies, rich ones", "parity::packages_shaped_by_hand_say_the_same"),
    (22, "all sense bits", "parity::packages_shaped_by_hand_say_the_same"),
    (23, "odd version texts", "parity::packages_shaped_by_hand_say_the_same"),
    (24, "unequal arrays", "parity::packages_shaped_by_hand_say_the_same"),
    (25, "bad epochs", "parity::packages_shaped_by_hand_say_the_same"),
    (26, "pre", "parity::packages_shaped_by_hand_say_the_same"),
    (27, "rpmlib()", "parity::packages_shaped_by_hand_say_the_same"),
    (28, "own files required", "parity::packages_shaped_by_hand_say_the_same"),
    (29, "own provides required", "parity::packages_shaped_by_hand_say_the_same"),
    (30, "repeated requires", "parity::packages_shaped_by_hand_say_the_same"),
    (31, "libc.so.6", "parity::packages_shaped_by_hand_say_the_same"),
    (32, "missingok", "parity::packages_shaped_by_hand_say_the_same"),
    (33, "old suggests and enhances", "parity::packages_shaped_by_hand_say_the_same"),
    (34, "empty names", "parity::packages_shaped_by_hand_say_the_same"),
    (35, "provides twice", "parity::packages_shaped_by_hand_say_the_same"),
    (36, "0 to 300 changes", "parity::packages_shaped_by_hand_say_the_same"),
    (37, "equal dates", "parity::packages_shaped_by_hand_say_the_same"),
    (38, "authors of blanks", "parity::packages_shaped_by_hand_say_the_same"),
    (39, "changelog limits", "parity::packages_shaped_by_hand_say_the_same"),
    (40, "sizes above 4 GiB", "hostile::a_file_that_changes_while_it_is_read_is_left_out_and_a_huge_one_is_not"),
    (41, "compressions of the payload", "../parity::our_metadata_says_what_createrepo_c_says"),
    (42, "where the header lies", "parity::packages_shaped_by_hand_say_the_same"),
    (43, "format 6", "../parity::our_metadata_says_what_createrepo_c_says"),
    (44, "old names of files", "parity::packages_shaped_by_hand_say_the_same"),
    (45, "no packages", "packages::files_that_are_no_packages_are_left_out_and_named"),
    (46, "a directory called x.rpm", "packages::files_that_are_no_packages_are_left_out_and_named"),
    (47, "what cannot be read", "packages::a_directory_that_cannot_be_read_is_named"),
    (48, "links", "packages::files_that_are_no_packages_are_left_out_and_named"),
    (49, "loops of links", "packages::loops_of_links_end_with_each_package_once"),
    (50, "marks in file names", "packages::hostile_names_become_locations_or_are_left_out"),
    (51, "one NEVRA twice", "packages::packages_of_one_nevra_are_told_of_and_listed_or_not"),
    (52, "lists of packages", "packages::lists_of_packages_are_taken_word_by_word"),
    (53, "included and excluded", "packages::packages_are_included_and_excluded"),
    (54, "nothing changed", "update::nothing_new_leaves_repomd_alone"),
    (55, "added, removed, replaced", "update::an_update_is_what_a_cold_run_is"),
    (56, "time, size or content alone", "update::time_and_size_tell_what_has_changed"),
    (57, "--skip-stat", "update::time_and_size_tell_what_has_changed"),
    (58, "another checksum", "update::time_and_size_tell_what_has_changed"),
    (59, "--update-md-path", "update::other_repositories_lend_what_they_know"),
    (60, "--recycle-pkglist", "update::a_recycled_list_is_what_was_listed"),
    (61, "broken old metadata", "damage::files_that_are_damaged_or_gone_are_made_again"),
    (62, "no open checksums", "damage::old_metadata_without_open_checksums_is_taken_over"),
    (63, "locations", "locations::bases_prefixes_and_cut_directories_are_the_same"),
    (64, "group files", "records::group_files_are_added_kept_replaced_and_discarded"),
    (65, "modules", "records::module_documents_are_found_and_merged_and_live_on"),
    (66, "unknown records", "records::records_that_nobody_knows_are_kept_by_update"),
    (67, "tags", "records::tags_revision_and_times_are_the_same"),
    (68, "revision and times", "records::tags_revision_and_times_are_the_same"),
    (69, "names of files", "records::names_compressions_and_checksums_are_the_same"),
    (70, "compressions", "records::names_compressions_and_checksums_are_the_same"),
    (71, "checksums in repomd.xml", "records::names_compressions_and_checksums_are_the_same"),
    (72, "what is retained", "retention::old_files_are_retained_as_createrepo_c_does_where_it_is_asked_for"),
    (73, "--outputdir", "mod::both"),
    (74, "locks", "runs::a_lock_holds_off_and_a_killed_run_does_not"),
    (75, "signatures", "records::a_signature_does_not_outlive_what_it_signs"),
    (76, "sums and sizes", "mod::compare_repositories"),
    (77, "readers", "readers::dnf_installs_whatever_the_compression"),
    (78, "lines and exit codes", "runs::the_steps_are_told_in_createrepos_words"),
    (79, "digests of files", "parity::packages_shaped_by_hand_say_the_same"),
    (80, "one order in all files", "mod::read"),
    (81, "repodata that is no directory", "runs::repodata_that_is_no_directory_gives_way"),
];

#[test]
fn every_case_has_its_test() {
    let numbers: BTreeSet<usize> = CASES.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=CASES.len()).collect());
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/createrepo");
    for (number, what, test) in CASES {
        let (file, function) = test.rsplit_once("::").unwrap();
        let source = fs::read_to_string(room.join(format!("{file}.rs"))).unwrap();
        let named = format!("fn {function}");
        assert!(
            source.contains(&format!("{named}(")) || source.contains(&format!("{named}<")),
            "{number} {what}: {test}"
        );
    }
}
