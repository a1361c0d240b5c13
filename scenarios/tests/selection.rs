//! What scenarios say of volumes in virtual disks, of other nodes, and of dependencies that go in a circle.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use vssim_scenarios::library::find;
use vssim_scenarios::{NoFiles, Scenario, stage};

fn machine(volumes: &str) -> String {
    format!(
        "format: 1\nname: small\ntitle: Small\nteaches: Nothing.\nrelease: server-2022\nmachine:\n  name: SERVER1\n  \
         disks: [{{name: Disk0, size: 32 MiB}}]\n  volumes:\n{volumes}requesters: []\n"
    )
}

fn mistakes(volumes: &str) -> String {
    Scenario::parse("small.yaml", &machine(volumes)).unwrap_err().to_string()
}

#[test]
fn a_volume_in_a_virtual_disk_on_itself_is_a_mistake() {
    let volume = |name: &str, host: &str| format!("    - {{name: '{name}', size: 8 MiB, virtual_disk_on: '{host}'}}\n");
    let one = mistakes(&volume("C:", "C:"));
    assert!(one.contains("volume `C:` lies in a virtual disk on itself"), "{one}");
    let two = mistakes(&(volume("C:", "D:") + &volume("D:", "C:")));
    assert!(two.contains("small.yaml:10:") && two.contains("small.yaml:11:"), "{two}");
    let unknown = mistakes(&volume("C:", "X:"));
    assert!(unknown.contains("X:"), "{unknown}");
}

#[test]
fn a_creation_elsewhere_that_ends_before_it_begins_is_a_mistake() {
    let wrong = mistakes("    - {name: 'C:', size: 8 MiB, created_elsewhere: {from: 5s, to: 5s}}\n");
    assert!(wrong.contains("over before it begins"), "{wrong}");
}

#[test]
fn a_circle_of_dependencies_is_told_and_none_is_where_there_is_none() {
    let notes = |name: &str| {
        let entry = find(name).unwrap();
        stage(&Scenario::parse(name, entry.text).unwrap(), &NoFiles).unwrap().notes
    };
    let told = notes("dependency-cycle");
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(r"\Site of Site Writer, \Orders of Orders Writer, \Index of Search Writer depend"),
        "{told:?}"
    );
    assert_eq!(notes("dependencies-followed"), Vec::<String>::new());
}
