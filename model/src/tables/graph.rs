//! The tables as pictures and as text, the same characters every time.
//!
//! The graph shows the moves: states are nodes, inputs with their conditions are edges, edges between the same two
//! nodes are one with all their labels. What stays, is ignored or is refused stands in the matrix only, which is
//! complete. An edge that starts in four states or more starts in one group node that lists them, so that
//! "restarted, from anywhere" is one arrow and not fifteen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use petgraph::dot::{Config, Dot};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{Row, Symbol, Table, Tables, Then};

/// From how many states on an edge starts in a group node.
const GROUP_SIZE: usize = 4;

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<S> {
    /// One state.
    State(S),
    /// Several states that share an edge, in order; `None` for every state but the edge's target.
    Group(Option<Vec<S>>),
}

impl<S: Symbol> Node<S> {
    /// The lines of the node's label.
    fn lines(&self) -> Vec<String> {
        match self {
            Node::State(state) => vec![state.to_string()],
            Node::Group(None) => vec!["any other state".to_owned()],
            Node::Group(Some(states)) if states.len() * 2 > S::ALL.len() => {
                let others = S::ALL.iter().filter(|state| !states.contains(state)).map(S::to_string);
                std::iter::once("any state but".to_owned()).chain(others).collect()
            }
            Node::Group(Some(states)) => states.iter().map(S::to_string).collect(),
        }
    }
}

/// The graph of a table; an edge holds its labels.
pub type StateGraph<S> = DiGraph<Node<S>, Vec<String>>;

impl<S: Symbol, I: Symbol, G: Symbol> Table<S, I, G> {
    /// The moves as a graph. States that no move touches are left out.
    #[must_use]
    pub fn graph(&self) -> StateGraph<S> {
        // Which states lead to where under which label; then which labels lead from where to where.
        let mut sources: BTreeMap<(S, I, String), BTreeSet<S>> = BTreeMap::new();
        for row in &self.rows {
            if let Then::Go(to) = row.then {
                sources.entry((to, row.input, label(row))).or_default().insert(row.from);
            }
        }
        let mut states: BTreeSet<S> = BTreeSet::new();
        let mut edges: BTreeMap<(Vec<S>, S), Vec<String>> = BTreeMap::new();
        for ((to, _, label), from) in sources {
            states.insert(to);
            states.extend(&from);
            let starts: Vec<Vec<S>> = match from.len() {
                GROUP_SIZE.. => vec![from.into_iter().collect()],
                _ => from.into_iter().map(|state| vec![state]).collect(),
            };
            for start in starts {
                edges.entry((start, to)).or_default().push(label.clone());
            }
        }
        let mut graph = StateGraph::new();
        let mut nodes: BTreeMap<Option<Vec<S>>, NodeIndex> = BTreeMap::new();
        for state in states {
            nodes.insert(Some(vec![state]), graph.add_node(Node::State(state)));
        }
        for ((start, to), labels) in edges {
            let everywhere = start.len() + 1 == S::ALL.len() && !start.contains(&to);
            let start = if everywhere { None } else { Some(start) };
            let source = *nodes.entry(start.clone()).or_insert_with(|| graph.add_node(Node::Group(start)));
            let target = *nodes.entry(Some(vec![to])).or_insert_with(|| graph.add_node(Node::State(to)));
            graph.add_edge(source, target, labels);
        }
        graph
    }

    /// The graph in the language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let graph = self.graph();
        let edge = |_, edge: petgraph::graph::EdgeReference<'_, Vec<String>>| {
            format!("label = \"{}\"", edge.weight().join("\\n"))
        };
        let node = |_, (_, node): (NodeIndex, &Node<S>)| {
            let shape = if matches!(node, Node::State(_)) { "box, style = rounded" } else { "plaintext" };
            format!("label = \"{}\", shape = {shape}", node.lines().join("\\n"))
        };
        let config = [Config::NodeNoLabel, Config::EdgeNoLabel, Config::GraphContentOnly];
        let content = Dot::with_attr_getters(&graph, &config, &edge, &node);
        format!("digraph \"{}\" {{\n    rankdir = LR\n{content:?}}}\n", self.name)
    }

    /// The graph in the language of Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let graph = self.graph();
        let mut text = String::from("flowchart LR\n");
        for index in graph.node_indices() {
            let Some(node) = graph.node_weight(index) else { continue };
            let words = node.lines().join("<br/>");
            let (open, close) = if matches!(node, Node::State(_)) { ("(", ")") } else { ("[/", "/]") };
            push(&mut text, format_args!("    n{}{open}\"{words}\"{close}\n", index.index()));
        }
        for edge in graph.edge_references() {
            let labels = edge.weight().join("<br/>");
            let (from, to) = (edge.source().index(), edge.target().index());
            push(&mut text, format_args!("    n{from} -->|\"{labels}\"| n{to}\n"));
        }
        text
    }

    /// The complete matrix in Markdown: an overview (inputs down, states across), then every row, input by input,
    /// where states with the same rows stand together.
    #[must_use]
    pub fn matrix(&self) -> String {
        let mut text = format!("# The {} table\n\n", self.name);
        let generated = self.rows.iter().filter(|row| row.generated).count();
        push(
            &mut text,
            format_args!(
                "{} states, {} inputs, {} conditions; {} rows, {generated} of them generated refusals.\n\n",
                S::ALL.len(),
                I::ALL.len(),
                <G as Symbol>::ALL.len(),
                self.rows.len(),
            ),
        );
        self.overview(&mut text);
        for &input in I::ALL {
            push(&mut text, format_args!("\n## {input}\n\n| in | when | then | source |\n|---|---|---|---|\n"));
            self.input_rows(input, &mut text);
        }
        text
    }

    /// One letter a case: moves, stays, ignored, refused; several where conditions decide.
    fn overview(&self, text: &mut String) {
        text.push_str("m moves, s stays, i ignored, . refused\n\n");
        for (number, state) in S::ALL.iter().enumerate() {
            push(text, format_args!("{}. {state}\n", number + 1));
        }
        text.push_str("\n| input |");
        for number in 1..=S::ALL.len() {
            push(text, format_args!(" {number} |"));
        }
        push(text, format_args!("\n|---|{}\n", "---|".repeat(S::ALL.len())));
        for &input in I::ALL {
            push(text, format_args!("| {input} |"));
            for &from in S::ALL {
                let letters: BTreeSet<char> = self.cell(from, input).1.iter().map(|row| letter(&row.then)).collect();
                push(text, format_args!(" {} |", letters.iter().rev().collect::<String>()));
            }
            text.push('\n');
        }
    }

    fn input_rows(&self, input: I, text: &mut String) {
        let mut groups: Vec<Group<S, G>> = Vec::new();
        for &from in S::ALL {
            let cell = self.cell(from, input).1;
            let cases: Vec<Case<S, G>> =
                cell.iter().map(|row| (row.guards.clone(), row.then, row.source, row.generated)).collect();
            match groups.iter_mut().find(|(_, known)| *known == cases) {
                Some((states, _)) => states.push(from),
                None => groups.push((vec![from], cases)),
            }
        }
        for (states, cases) in groups {
            let Some(&from) = states.first() else { continue };
            let names: Vec<String> = states.iter().map(S::to_string).collect();
            for (guards, then, source, generated) in cases {
                let row = Row { from, input, guards, then, source, generated };
                let note = if generated { " (generated)" } else { "" };
                let names = names.join(", ");
                push(text, format_args!("| {names} | {} | {then} | {source}{note} |\n", row.conditions()));
            }
        }
    }
}

/// A row without its state and input.
type Case<S, G> = (Vec<(G, bool)>, Then<S>, &'static str, bool);

/// States that have the same rows, and the rows.
type Group<S, G> = (Vec<S>, Vec<Case<S, G>>);

/// Writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

fn letter<S>(then: &Then<S>) -> char {
    match then {
        Then::Go(_) => 'm',
        Then::Stay => 's',
        Then::Ignore => 'i',
        Then::Refuse(_) => '.',
    }
}

fn label<S, I: Symbol, G: Symbol>(row: &Row<S, I, G>) -> String {
    let conditions = row.conditions();
    if conditions.is_empty() { row.input.to_string() } else { format!("{} [{conditions}]", row.input) }
}

/// Asks the table of that name.
macro_rules! by_name {
    ($tables:ident, $name:ident, $method:ident) => {
        match $name {
            "requester" => Some($tables.requester.$method()),
            "writer" => Some($tables.writer.$method()),
            "provider" => Some($tables.provider.$method()),
            "snapshot" => Some($tables.snapshot.$method()),
            _ => None,
        }
    };
}

impl Tables {
    /// The graph of a table in the language of Graphviz; `None` for a name that is none of [`Tables::names`].
    #[must_use]
    pub fn dot(&self, name: &str) -> Option<String> {
        by_name!(self, name, dot)
    }

    /// The graph of a table in the language of Mermaid; `None` for a name that is none of [`Tables::names`].
    #[must_use]
    pub fn mermaid(&self, name: &str) -> Option<String> {
        by_name!(self, name, mermaid)
    }

    /// The complete matrix of a table in Markdown; `None` for a name that is none of [`Tables::names`].
    #[must_use]
    pub fn matrix(&self, name: &str) -> Option<String> {
        by_name!(self, name, matrix)
    }
}
