#![allow(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use quickcheck::quickcheck;

use super::*;
use crate::documents::{ComponentSpec, ComponentType, SourceType, WriterMetadataBuilder};
use crate::ids::{Guid, WriterInstanceId};

const fn class(number: u128) -> WriterClassId {
    WriterClassId(Guid(number))
}

/// A writer: its class, its usage, its components (path, name, selectable), its dependencies (from, class, path, name).
type Depends<'a> = (&'a str, u128, &'a str, &'a str);

fn writer(
    number: u128,
    usage: UsageType,
    components: &[(&str, &str, bool)],
    depends: &[Depends<'_>],
) -> WriterMetadata {
    let instance = WriterInstanceId(Guid(number));
    let name = format!("Writer {number}");
    let mut builder = WriterMetadata::build(class(number), instance, &name, usage, SourceType::Other).unwrap();
    for (path, name, selectable) in components {
        add(&mut builder, path, name, *selectable);
    }
    for (from, on, path, name) in depends {
        let path_of = components.iter().find(|(_, name, _)| name == from).map_or("", |(path, ..)| path);
        builder.add_component_dependency(path_of, from, class(*on), path, name).unwrap();
    }
    builder.finish()
}

fn add(builder: &mut WriterMetadataBuilder, path: &str, name: &str, selectable: bool) {
    let spec = ComponentSpec {
        component_type: ComponentType::FileGroup,
        logical_path: path.to_owned(),
        name: name.to_owned(),
        caption: None,
        icon: None,
        restore_metadata: false,
        notify_on_backup_complete: false,
        selectable,
        selectable_for_restore: false,
        flags: if name == "Log" { ComponentFlags::NOT_SYSTEM_STATE } else { ComponentFlags(0) },
    };
    builder.add_component(&spec).unwrap();
}

fn user(number: u128, components: &[(&str, &str, bool)], depends: &[Depends<'_>]) -> WriterMetadata {
    writer(number, UsageType::UserData, components, depends)
}

fn chosen(writer: usize, path: &str, name: &str) -> Chosen {
    Chosen { writer, id: ComponentId::new(path, name) }
}

fn explicit(complete: &Complete) -> Vec<Chosen> {
    complete.explicit.keys().cloned().collect()
}

#[test]
fn what_a_component_depends_on_comes_along_with_its_required_neighbours() {
    let all = [
        user(1, &[("", "Site", true)], &[("Site", 2, "Shop", "Orders")]),
        user(2, &[("Shop", "Orders", true), ("", "Keys", false), ("", "Other", true)], &[]),
    ];
    let complete = Selection::new(&all).complete(&[chosen(0, "", "Site")], false);
    assert_eq!(explicit(&complete), [chosen(0, "", "Site"), chosen(1, "", "Keys"), chosen(1, "Shop", "Orders")]);
    assert_eq!(complete.explicit.get(&chosen(1, "", "Keys")), Some(&Reason::Required));
    let site = chosen(0, "", "Site");
    assert_eq!(complete.explicit.get(&chosen(1, "Shop", "Orders")), Some(&Reason::DependedOnBy(site)));
    assert!(complete.unmet.is_empty());
}

#[test]
fn a_target_that_is_implicit_only_is_brought_by_the_component_above_it() {
    let all = [
        user(1, &[("", "Site", true)], &[("Site", 2, "Shop", "Prices")]),
        user(2, &[("", "Shop", true), ("Shop", "Prices", false)], &[]),
    ];
    let complete = Selection::new(&all).complete(&[chosen(0, "", "Site")], false);
    assert_eq!(explicit(&complete), [chosen(0, "", "Site"), chosen(1, "", "Shop")]);
}

#[test]
fn a_member_of_a_set_that_is_added_loses_its_own_entry() {
    let all = [
        user(1, &[("", "Site", true)], &[("Site", 2, "", "Shop")]),
        user(2, &[("", "Shop", true), ("Shop", "Orders", true)], &[]),
    ];
    let complete = Selection::new(&all).complete(&[chosen(1, "Shop", "Orders"), chosen(0, "", "Site")], false);
    assert_eq!(explicit(&complete), [chosen(0, "", "Site"), chosen(1, "", "Shop")]);
}

#[test]
fn remote_dependencies_and_those_on_nobody_are_told() {
    let depends = [("Site", 2, r"\\other\Shop", "Orders"), ("Site", 2, "", r"\\third\Orders"), ("Site", 3, "", "Gone")];
    let all = [user(1, &[("", "Site", true)], &depends), user(2, &[("Shop", "Orders", true)], &[])];
    let complete = Selection::new(&all).complete(&[chosen(0, "", "Site")], false);
    assert_eq!(explicit(&complete), [chosen(0, "", "Site")]);
    let unmet: Vec<(Option<&str>, String)> =
        complete.unmet.iter().map(|one| (one.computer.as_deref(), one.target.to_string())).collect();
    let expected = [(Some("third"), r"\Orders"), (Some("other"), r"\Shop\Orders"), (None, r"\Gone")];
    assert_eq!(unmet.len(), 3);
    assert!(expected.iter().all(|(computer, id)| unmet.contains(&(*computer, (*id).to_owned()))), "{unmet:?}");
}

#[test]
fn the_system_state_is_what_its_writers_have_but_for_what_they_take_out() {
    let all = [
        writer(1, UsageType::BootableSystemState, &[("", "Registry", true), ("", "Log", true)], &[]),
        writer(2, UsageType::SystemService, &[("", "Wmi", false), ("", "Set", true), ("Set", "Part", false)], &[]),
        user(3, &[("", "Orders", true)], &[]),
    ];
    let complete = Selection::new(&all).complete(&[], true);
    assert_eq!(explicit(&complete), [chosen(0, "", "Registry"), chosen(1, "", "Set"), chosen(1, "", "Wmi")]);
}

#[test]
fn a_cycle_is_found_and_comes_as_a_whole() {
    let all = [
        user(1, &[("", "A", true)], &[("A", 2, "Set", "B")]),
        user(2, &[("", "Set", true), ("Set", "B", false)], &[("B", 3, "", "C")]),
        user(3, &[("", "C", true)], &[("C", 1, "", "A")]),
        user(4, &[("", "D", true)], &[("D", 1, "", "A")]),
    ];
    let selection = Selection::new(&all);
    assert_eq!(selection.cycles(), [vec![chosen(0, "", "A"), chosen(1, "", "Set"), chosen(2, "", "C")]]);
    assert_eq!(selection.complete(&[chosen(2, "", "C")], false).explicit.len(), 3);
}

#[test]
fn dependencies_in_a_row_are_no_cycle() {
    let all = [
        user(1, &[("", "A", true)], &[("A", 2, "", "B"), ("A", 3, "", "C")]),
        user(2, &[("", "B", true)], &[("B", 3, "", "C")]),
        user(3, &[("", "C", true)], &[]),
    ];
    assert_eq!(Selection::new(&all).cycles(), Vec::<Vec<Chosen>>::new());
}

quickcheck! {
    /// Eight writers of one component each; every pair is a dependency.
    fn a_component_is_in_a_cycle_or_reaches_none_through_itself(pairs: Vec<(u8, u8)>) -> bool {
        let names = ["A", "B", "C", "D", "E", "F", "G", "H"];
        let pairs: Vec<(usize, usize)> = pairs
            .iter()
            .map(|(from, to)| (usize::from(from % 8), usize::from(to % 8)))
            .filter(|(from, to)| from != to)
            .collect();
        let all: Vec<WriterMetadata> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let of = pairs.iter().filter(|(from, _)| *from == at);
                let depends: Vec<Depends<'_>> =
                    of.map(|(_, to)| (*name, *to as u128 + 1, "", names[*to])).collect();
                user(at as u128 + 1, &[("", name, true)], &depends)
            })
            .collect();
        let reach = |start: usize| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
            while let Some(at) = next.pop() {
                for (_, to) in pairs.iter().filter(|(from, _)| *from == at) {
                    if seen.insert(*to) {
                        next.push(*to);
                    }
                }
            }
            seen
        };
        let cycles = Selection::new(&all).cycles();
        let real = cycles.iter().all(|cycle| {
            let next = cycle.iter().cycle().skip(1);
            cycle.iter().zip(next).all(|(from, to)| pairs.contains(&(from.writer, to.writer)))
        });
        // Found if and only if there is one.
        let any = (0..8).any(|at| reach(at).contains(&at));
        // What is chosen comes with all that it reaches.
        let whole = (0..8).all(|at| {
            let name = ComponentId::new("", names[at]);
            let complete = Selection::new(&all).complete(&[Chosen { writer: at, id: name }], false);
            let writers: BTreeSet<usize> = complete.explicit.keys().map(|chosen| chosen.writer).collect();
            let mut expected = reach(at);
            expected.insert(at);
            writers == expected
        });
        real && whole && any != cycles.is_empty()
    }
}
