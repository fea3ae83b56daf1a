//! Are composes made whole, from what the tag has, whatever happens meanwhile? The demonstration's
//! distribution, composed through the library.

mod interrupted;
mod refused;
mod rig;
mod whole;
