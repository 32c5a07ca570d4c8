//! Disks of volumes, at both providers.

use serde_json::{Value, json};

use super::{at, node, printed};
use crate::core::{
    clouds::{Answer, Place, Sought, Thing, Told, sought},
    facts::Facts,
    snapshot::{Snapshot, kinds, reference},
    subjects::{self, disks::Disk},
};

const EBS: &str = "vol-0123456789abcdef0";
const PD: &str = "projects/shop-prod-4711/zones/europe-west3-a/disks/pvc-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
const EBS_ANSWER: &str = include_str!("ec2-volume.json");
const PD_ANSWER: &str = include_str!("gce-disk.json");

fn volume(driver: &str, handle: &str) -> Value {
    let zone = json!({"key": "topology.ebs.csi.aws.com/zone", "operator": "In", "values": ["eu-central-1a"]});
    json!({
        "metadata": {"name": "pvc-1"},
        "spec": {
            "claimRef": {"namespace": "shop", "name": "data-db-0"},
            "csi": {"driver": driver, "volumeHandle": handle},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
        },
    })
}

fn ebs() -> Value {
    volume("ebs.csi.aws.com", EBS)
}

fn pd() -> Value {
    volume("pd.csi.storage.gke.io", PD)
}

fn told(volume: &Value, answer: Answer) -> Result<Told, String> {
    let sought = Sought {
        object: reference("PersistentVolume", volume),
        place: Place::of_disk(volume).unwrap(),
    };
    sought.told(&[answer], at())
}

fn disk(volume: &Value, answer: Answer) -> Disk {
    match told(volume, answer).unwrap().thing {
        Thing::Disk(disk) => disk,
        Thing::Machine(machine) => panic!("{machine:?}"),
    }
}

#[test]
fn handles_of_known_drivers_become_arguments_only_in_their_strict_form() {
    let words = |volume: &Value| Place::of_disk(volume).unwrap().questions().remove(0).words();
    assert_eq!(
        words(&ebs()),
        "aws ec2 describe-volumes --volume-ids vol-0123456789abcdef0 --region eu-central-1 --output json"
    );
    assert_eq!(
        words(&pd()),
        "gcloud compute disks describe pvc-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0 --project=shop-prod-4711 --zone=europe-west3-a --format=json"
    );
    let mut nowhere = ebs();
    nowhere["spec"]["nodeAffinity"] = Value::Null;
    for other in [
        volume("ebs.csi.aws.com", "vol-0123456789abcdef0 --profile x"),
        volume("ebs.csi.aws.com", "--volume-ids"),
        volume("pd.csi.storage.gke.io", EBS),
        volume("pd.csi.storage.gke.io", &PD.replace("pvc-0b", "--format")),
        volume("pd.csi.storage.gke.io", &PD.replace("zones", "regions")),
        volume("example.com/other", EBS),
        nowhere,
    ] {
        assert_eq!(Place::of_disk(&other), None, "{other}");
    }
}

#[test]
fn the_machines_that_have_a_disk_are_told_with_the_time_since_when() {
    for (volume, answer, machine) in [
        (ebs(), EBS_ANSWER, "aws:///eu-central-1a/i-0000000000000000b"),
        (pd(), PD_ANSWER, "gce://shop-prod-4711/europe-west3-a/gke-shop-pool-1-7f3d2c1b-x4qz"),
    ] {
        assert_eq!(disk(&volume, printed(answer)).machines, [Place::of_machine(machine).unwrap()]);
        let told = told(&volume, printed(answer)).unwrap();
        assert_eq!(told.moments[0].at.to_string(), "2026-03-02T11:02:00Z");
        assert!(told.quotes[0].excerpt.contains("attached to"), "{}", told.quotes[0].excerpt);
    }
    let free = json!({"Volumes": [{"VolumeId": EBS, "State": "available", "Attachments": []}]});
    assert_eq!(disk(&ebs(), Answer::Json(free)).machines, []);
    let gone = disk(&ebs(), Answer::Absent("(InvalidVolume.NotFound)".into()));
    assert_eq!((gone.state.as_str(), gone.machines.len()), ("absent", 0));
}

#[test]
fn answers_about_another_disk_or_of_another_shape_are_refused() {
    let refused = |volume: &Value, answer: Value| told(volume, Answer::Json(answer)).is_err();
    assert!(told(&ebs(), printed(&EBS_ANSWER.replace(EBS, "vol-0123456789abcdef1"))).is_err());
    assert!(told(&pd(), printed(&PD_ANSWER.replace("pvc-0b1c", "pvc-ffff"))).is_err());
    assert!(refused(&ebs(), json!({"Volumes": {}})));
    assert!(refused(&ebs(), json!({"Volumes": [{"VolumeId": EBS}]})));
    assert!(refused(&pd(), json!([])));
    let name = "pvc-0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
    assert!(refused(&pd(), json!({"name": name, "status": "READY", "users": ["\u{1b}[31mx"]})));
}

/// A pod on `n1` that waits for a volume, and the machine of `n2` that may have it.
fn world(ready: &str, message: &str) -> Facts {
    let mut facts = Facts::new(at(), Vec::new());
    let mut snapshot = Snapshot::new(at(), ["shop".to_owned()].into());
    let pod = json!({
        "metadata": {"name": "db-0", "namespace": "shop"},
        "spec": {"nodeName": "n1", "volumes": [{"persistentVolumeClaim": {"claimName": "data-db-0"}}]},
        "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": ready}]},
    });
    let claim = json!({"metadata": {"name": "data-db-0", "namespace": "shop"}, "spec": {"volumeName": "pvc-1"}});
    let event = json!({
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "db-0"},
        "reason": "FailedMount", "message": message,
    });
    let nodes = vec![
        node("n1", "aws:///eu-central-1a/i-0000000000000000a", "True"),
        node("n2", "aws:///eu-central-1a/i-0000000000000000b", "True"),
    ];
    for (kind, objects) in [
        ("Pod", vec![pod]),
        ("PersistentVolumeClaim", vec![claim]),
        ("PersistentVolume", vec![ebs()]),
        ("Event", vec![event]),
        ("Node", nodes),
    ] {
        snapshot.file(kinds::named(kind).unwrap(), objects);
    }
    facts.world.snapshot = snapshot;
    facts
}

#[test]
fn only_disks_that_a_pod_waits_for_in_vain_are_asked_about() {
    let asked = |ready: &str, message: &str| sought(&world(ready, message)).len();
    let attach = "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting for the condition";
    assert_eq!(asked("False", attach), 1);
    assert_eq!(asked("True", attach), 0, "it has it by now");
    assert_eq!(
        asked("False", "MountVolume.SetUp failed for volume \"config\": configmap \"x\" not found"),
        0
    );
}

#[test]
fn a_disk_is_elsewhere_when_another_machine_than_the_pods_has_it() {
    let seen = |answer: &str| {
        let mut facts = world("False", "AttachVolume.Attach failed for volume \"pvc-1\"");
        facts.world.told = vec![told(&ebs(), printed(answer)).unwrap()];
        let all = subjects::all(&facts.world, &[]);
        let pod = all.iter().find(|subject| subject.of == "pod").unwrap();
        pod.variable("disk").unwrap().fields.clone()
    };
    let held = seen(EBS_ANSWER);
    assert_eq!(
        (&held["elsewhere"], &held["holder"], &held["holder_ready"]),
        (&json!(true), &json!("n2"), &json!("True"))
    );
    let own = seen(&EBS_ANSWER.replace("i-0000000000000000b", "i-0000000000000000a"));
    assert_eq!((&own["elsewhere"], &own["holder"]), (&json!(false), &json!("")));
    let stranger = seen(&EBS_ANSWER.replace("i-0000000000000000b", "i-0000000000000000c"));
    assert_eq!((&stranger["elsewhere"], &stranger["holder"]), (&json!(true), &json!("")));
}
