//! The page about every action is the one that the catalogue generates.

#![allow(clippy::unwrap_used)]

use paramedic_catalogue::{Catalogue, reference::markdown};

#[test]
fn the_page_in_docs_is_the_one_that_the_catalogue_generates() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/actions/README.md");
    let page = markdown(&Catalogue::default());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "write it again: UPDATE_GOLDEN=1 cargo test -p paramedic-catalogue --test reference"
    );
}
