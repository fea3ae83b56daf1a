//! buildsys
