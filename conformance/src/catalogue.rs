//! The catalogue: every rule with the requirements it checks, and its rendering as docs/rules.md.

use std::fmt::Write as _;

use crate::facts::Facts;
use crate::rules::TABLES;
use crate::verdict::Findings;

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name: lower-case words joined by hyphens.
    pub id: &'static str,
    /// The catalogued requirements that it checks.
    pub requirements: &'static [&'static str],
    /// Who breaks it.
    pub actor: Bound,
    /// How binding it is.
    pub level: Level,
    /// What it asks, in one sentence.
    pub sentence: &'static str,
    /// The page of the documentation that it rests on.
    pub source: &'static str,
    /// Reads the facts and says what it found.
    pub(crate) check: fn(&Facts<'_>, &mut Findings),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// Whom a rule binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// The backup application.
    Requester,
    /// A writer.
    Writer,
    /// A provider.
    Provider,
    /// VSS itself, with the kernel behind it.
    Service,
}

impl Bound {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Bound; 4] = [Bound::Requester, Bound::Writer, Bound::Provider, Bound::Service];

    /// In lower case, as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Requester => "requester",
            Bound::Writer => "writer",
            Bound::Provider => "provider",
            Bound::Service => "service",
        }
    }
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The documentation demands it.
    Must,
    /// The documentation recommends it.
    Should,
    /// The documentation states it as how VSS works.
    Fact,
}

impl Level {
    /// In lower case, as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Fact => "fact",
        }
    }
}

/// Every rule, by actor, in the order in which a backup meets them.
pub static CATALOGUE: &[Rule] = &JOINED;

static JOINED: [Rule; COUNT] = joined();

const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

/// The tables one behind the other.
const fn joined() -> [Rule; COUNT] {
    let mut all = [TABLES[0][0]; COUNT];
    let (mut at, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[at] = TABLES[table][row];
            at += 1;
            row += 1;
        }
        table += 1;
    }
    all
}

/// The rule of that name.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    CATALOGUE.iter().find(|rule| rule.id == id)
}

/// The catalogue as a Markdown page, committed as docs/rules.md.
#[must_use]
pub fn catalogue_markdown() -> String {
    let mut page = String::from(
        "# Rules\n\n\
         What a trace is judged by, generated from the catalogue of `vssim-conformance`. A rule is *upheld* when its\n\
         occasion arose and it was kept each time, *violated* with the records that show it, *not exercised* when its\n\
         occasion never arose, and *excused* when a documented exception applies. A *must* is demanded by the\n\
         documentation, a *should* is recommended, a *fact* is how VSS is documented to work.\n",
    );
    for actor in Bound::ALL {
        let bound: Vec<&Rule> = CATALOGUE.iter().filter(|rule| rule.actor == actor).collect();
        let _ = write!(page, "\n## Rules that bind the {} ({})\n", actor.name(), bound.len());
        page.push_str("\n| rule | level | what it asks | requirements | source |\n|---|---|---|---|---|\n");
        for rule in bound {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                rule.id,
                rule.level.name(),
                rule.sentence,
                rule.requirements.join(", "),
                rule.source
            );
        }
    }
    page
}
