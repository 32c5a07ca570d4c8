//! On the data itself, where it is. It is not part of the project: see `docs/storms.md`.

use std::{env, path::PathBuf};

use super::*;
use crate::{
    eval::{Score, evaluate},
    group::CONTENDERS,
};

/// The folder with the labelled data: `PARAMEDIC_LABELLED_DATA`, or `shared/data` beside the working tree.
fn data(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let path = env::var_os("PARAMEDIC_LABELLED_DATA").map_or_else(beside, PathBuf::from).join(name);
    path.exists().then_some(path)
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(name: &str) {
    eprintln!("SKIPPED: there is no {name}; set PARAMEDIC_LABELLED_DATA to the folder that has it");
}

fn sound(conversion: &Conversion) -> Vec<Score> {
    let one = |(name, storm): &(String, Storm)| {
        assert!(storm.posts.is_sorted_by_key(|post| post.at), "{name}");
        assert!(
            storm
                .truth
                .alerts
                .iter()
                .all(|alert| alert.incident.is_none() || alert.starts_at > storm.truth.incidents[0].onset),
            "{name}"
        );
        evaluate(storm, &CONTENDERS[1]).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    conversion.storms.iter().map(one).collect()
}

#[test]
fn every_ground_truth_of_itbench_becomes_a_storm() {
    let Some(path) = data("itbench") else { return skip("itbench") };
    let conversion = itbench(&path).unwrap();
    assert_eq!((conversion.storms.len(), conversion.skipped.len()), (61, 0));
    let alerts: usize = sound(&conversion).iter().map(|score| score.alerts).sum();
    assert!(
        (380..=405).contains(&alerts),
        "{alerts} of 405; the same alert about the same thing counts once"
    );
}

#[test]
fn the_complete_issues_of_petshop_become_storms() {
    let Some(path) = data("petshop.tar.gz") else {
        return skip("petshop.tar.gz");
    };
    let conversion = petshop(&path).unwrap();
    assert_eq!((conversion.storms.len(), conversion.skipped.len()), (52, 16));
    sound(&conversion);
    let folder = tempfile::tempdir().unwrap();
    conversion.write(folder.path()).unwrap();
    let (name, storm) = &conversion.storms[0];
    assert_eq!(Storm::read(&folder.path().join(name)).unwrap(), *storm);
}

#[test]
fn a_folder_that_holds_something_else_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for error in [itbench(folder.path()).unwrap_err(), petshop(folder.path()).unwrap_err()] {
        assert!(error.to_string().starts_with(&folder.path().display().to_string()), "{error}");
    }
    assert!(
        petshop(&folder.path().join("none.tar.gz"))
            .unwrap_err()
            .to_string()
            .starts_with("cannot open")
    );
}
