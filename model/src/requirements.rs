//! The catalogue of requirements: areas, and how many ids each has. A test holds it against the specification.

/// The areas, in the order of the catalogue. Within an area the ids are numbered without gaps.
const AREAS: [(&str, u16); 41] = [
    ("BKP-ORD", 68),
    ("BKP-TYPE", 46),
    ("INC", 40),
    ("PART", 24),
    ("DIRT", 10),
    ("CTX", 31),
    ("SNP", 38),
    ("LIM", 10),
    ("TIM", 21),
    ("CMP-DEF", 45),
    ("SEL-BKP", 26),
    ("SEL-RST", 14),
    ("DEP", 17),
    ("WMD", 30),
    ("BCD", 22),
    ("WRT-EVT", 52),
    ("WRT-ERR", 27),
    ("ABT", 15),
    ("SHUT", 10),
    ("RST-ORD", 33),
    ("RST-MTH", 38),
    ("RST-LOC", 26),
    ("RST-OPT", 18),
    ("ALT", 9),
    ("BKP-SET", 23),
    ("MNT", 10),
    ("PRV-SEL", 23),
    ("PRV-SEQ", 35),
    ("PRV-HW", 22),
    ("PRV-ERR", 13),
    ("DIFF", 10),
    ("TRN", 22),
    ("BRK", 30),
    ("ARC", 9),
    ("SEC", 16),
    ("VER", 15),
    ("SYS", 26),
    ("ASR", 11),
    ("LOG", 5),
    ("TOOL", 11),
    ("API", 45),
];

/// Every id, in the order of the catalogue.
pub fn requirements() -> impl Iterator<Item = String> {
    AREAS.iter().flat_map(|(area, count)| (1..=*count).map(move |number| format!("{area}-{number:03}")))
}

/// Whether this is the id of a requirement.
#[must_use]
pub fn is_requirement(id: &str) -> bool {
    let Some((area, number)) = id.rsplit_once('-') else { return false };
    let known = AREAS.iter().find(|(known, _)| *known == area);
    let numbered = number.parse::<u16>().ok().filter(|_| number.len() == 3);
    known.zip(numbered).is_some_and(|((_, count), number)| (1..=*count).contains(&number))
}

/// The ids that have the area or the number of a wrong one: those that may have been meant.
#[must_use]
pub fn alike(wrong: &str) -> Vec<String> {
    let Some((area, number)) = wrong.rsplit_once('-') else { return Vec::new() };
    let alike = |id: &String| id.rsplit_once('-').is_some_and(|(one, other)| one == area || other == number);
    requirements().filter(alike).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_known_area_and_one_of_its_numbers() {
        assert!(requirements().all(|id| is_requirement(&id)));
        for wrong in ["", "API", "API-", "API-000", "API-046", "API-1", "API-0001", "api-001", "BKP-001", "API-001 "] {
            assert!(!is_requirement(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_alike_in_its_area_or_its_number() {
        assert!(alike("RST-MHT-012").contains(&"RST-MTH-012".to_owned()));
        assert!(alike("API-046").contains(&"API-045".to_owned()));
        assert!(alike("nothing").is_empty());
    }
}
