//! Hostile text: an error or a scenario, never a panic, within bounds of time and memory.

use proptest::prelude::*;
use vssim_scenarios::library::LIBRARY;
use vssim_scenarios::{ErrorKind, Scenario};

/// A ready scenario with a part cut out, replaced or repeated.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 1..8),
        Just(b"&a [*a]".to_vec()),
        Just(b"<<: *x".to_vec()),
        Just(b"\n---\n".to_vec()),
        Just(b"{{{{[[[[".to_vec()),
        Just(b"!!binary ".to_vec()),
        Just(b"99999999999999999999999999999999 TiB".to_vec()),
        Just(b".inf".to_vec()),
        Just("\u{202e}\u{0}\u{feff}".as_bytes().to_vec()),
    ];
    (0..LIBRARY.len(), any::<prop::sample::Index>(), 0_usize..40, part).prop_map(|(which, at, cut, part)| {
        let mut bytes = LIBRARY[which].text.as_bytes().to_vec();
        let from = at.index(bytes.len());
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, part);
        bytes
    })
}

/// Bounded output, whatever went in.
fn check(bytes: &[u8]) {
    if let Err(errors) = Scenario::parse_bytes("hostile.yaml", bytes) {
        assert!(!errors.0.is_empty() && errors.0.len() <= 101);
        let shown = errors.to_string();
        assert!(shown.len() < 1 << 20);
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_an_error_or_a_scenario(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        check(&bytes);
    }

    #[test]
    fn any_text_of_yaml_signs_gives_an_error_or_a_scenario(text in "[\\-:{}\\[\\],&*!|>'\"%@`#? \n\ta-c0-9<]{0,200}") {
        check(text.as_bytes());
    }

    #[test]
    fn a_spoiled_scenario_gives_an_error_or_a_scenario(bytes in spoiled()) {
        check(&bytes);
    }
}

#[test]
fn every_truncation_of_a_scenario_gives_an_error_or_a_scenario() {
    let text = LIBRARY[1].text.as_bytes();
    for end in (0..text.len()).step_by(7) {
        check(&text[..end]);
    }
}

fn kinds(text: &str) -> Vec<ErrorKind> {
    match Scenario::parse("hostile.yaml", text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.0.iter().map(|error| error.kind()).collect(),
    }
}

#[test]
fn an_alias_bomb_is_too_large() {
    let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        text += &format!("{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n");
    }
    // Under a key that takes a scalar, so that the bomb is read rather than refused as an unknown key.
    let text = format!("name:\n{}", text.lines().map(|line| format!("  {line}\n")).collect::<String>());
    assert!(kinds(&text).contains(&ErrorKind::TooLarge), "{:?}", kinds(&text));
}

#[test]
fn depth_and_size_are_bounded() {
    assert!(kinds(&format!("name: {}", "[".repeat(100_000))).contains(&ErrorKind::TooLarge));
    assert!(kinds(&format!("name: {}", "{a: ".repeat(100_000))).contains(&ErrorKind::TooLarge));
    assert!(kinds(&format!("name: [{}]", "x,".repeat(200_000))).contains(&ErrorKind::TooLarge));
    assert_eq!(kinds(&" ".repeat((1 << 20) + 1)), [ErrorKind::TooLarge]);
    let mut block = String::new();
    for depth in 0..700 {
        block += &format!("{}a:\n", " ".repeat(depth));
    }
    assert!(!kinds(&format!("name:\n {}", block.replace('\n', "\n "))).is_empty());
}

#[test]
fn thousands_of_wrong_names_are_cut_to_a_hundred_errors_quickly() {
    let mut text =
        String::from("format: 1\nname: many\ntitle: t\nrelease: windows-vista\nmachine:\n  name: H\n  disks: []\n");
    text += "  volumes: []\n  writers:\n    - name: W\n      metadata:\n        inline:\n          components:\n";
    for at in 0..8_000 {
        text += &format!("            - {{name: component number {at}}}\n");
    }
    text += "requesters:\n  - name: R\n    script:\n";
    for at in 0..8_000 {
        text += &format!("      - AddComponent: {{component: {{writer: W, name: komponent number {at}}}}}\n");
    }
    let errors = Scenario::parse("many.yaml", &text).unwrap_err();
    assert_eq!(errors.0.len(), 100);
}

#[test]
fn what_is_not_utf8_is_reported_at_its_place() {
    let errors = Scenario::parse_bytes("bytes.yaml", b"format: 1\nname: \xff\n").unwrap_err();
    assert_eq!((errors.0[0].line(), errors.0[0].column()), (2, 7));
}
