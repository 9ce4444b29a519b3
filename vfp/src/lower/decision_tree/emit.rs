//! Trees as chains.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use goal_state::nsg::PortRange;

use super::item::Dimension;
use super::span::Spans;
use super::tree::{Left, Node, ProtocolClass, Tree};
use crate::lower::rule_list::{Fate, ListedRule};
use crate::ruleset::{Action, Chain, Key, Match, Rule, Span};

/// The mark while no rule has matched: higher than every number.
const UNDECIDED: u32 = u32::MAX;

pub(super) fn chains(name: &str, list: &[ListedRule<'_>], trees: &[Tree], mark: u32) -> Vec<Chain> {
    let mut writer = Writer {
        name,
        list,
        chains: Vec::new(),
        nodes: HashMap::new(),
        live: BTreeSet::new(),
        is_first: true,
    };
    let mut rules = vec![Rule::new(vec![], vec![Action::SetMark(UNDECIDED)])];
    for (index, tree) in trees.iter().enumerate() {
        let part = format!("{name}_part{}", index + 1);
        writer.part(part.clone(), tree);
        rules.push(Rule::new(vec![], vec![Action::Jump(part)]));
    }
    rules.extend(decision(list, &writer.live, mark));
    writer.chains.push(Chain { name: name.into(), hook: None, rules });
    writer.chains
}

/// What follows from the mark.
fn decision(list: &[ListedRule<'_>], live: &BTreeSet<usize>, mark: u32) -> Vec<Rule> {
    let undecided = vec![Span { first: UNDECIDED, last: UNDECIDED }];
    let mut rules =
        vec![Rule::new(vec![Match::Mark(undecided)], vec![Action::SetMark(mark), Action::Return])];
    let counter = |place: &usize| (list[*place].number, list[*place].counter.name.clone());
    if !live.is_empty() {
        rules.push(Rule::new(vec![], vec![Action::CountByMark(live.iter().map(counter).collect())]));
    }
    // The fate of most is asked last, and so need not be asked.
    let mut fates = fates(list, live).into_iter().collect::<Vec<_>>();
    fates.sort_by_key(|(_, spans)| spans.len());
    let last = fates.pop();
    rules.extend(
        fates
            .into_iter()
            .map(|(fate, spans)| Rule::new(vec![Match::Mark(spans)], fate.actions_by_mark(mark))),
    );
    rules.extend(last.map(|(fate, _)| Rule::new(vec![], fate.actions_by_mark(mark))));
    rules
}

/// The numbers that have each fate. Between two neighbours of `live` there is no mark, so they may be joined.
fn fates(list: &[ListedRule<'_>], live: &BTreeSet<usize>) -> BTreeMap<Fate, Vec<Span>> {
    let mut fates: BTreeMap<Fate, Vec<Span>> = BTreeMap::new();
    let mut before: Option<&Fate> = None;
    for listed in live.iter().map(|place| &list[*place]) {
        let spans = fates.entry(listed.fate.clone()).or_default();
        match spans.last_mut() {
            Some(last) if before == Some(&listed.fate) => last.last = listed.number,
            _ => spans.push(Span { first: listed.number, last: listed.number }),
        }
        before = Some(&listed.fate);
    }
    fates
}

struct Writer<'a> {
    name: &'a str,
    list: &'a [ListedRule<'a>],
    chains: Vec<Chain>,
    /// The chains of nodes that have been written: nodes are shared.
    nodes: HashMap<*const Node, String>,
    /// The rules that can decide, by their places.
    live: BTreeSet<usize>,
    /// In the first part the packet has no number yet.
    is_first: bool,
}

impl Writer<'_> {
    fn part(&mut self, name: String, tree: &Tree) {
        let class = |class: &ProtocolClass| class.map(u32::from);
        let mut cases = Vec::new();
        let mut rules = Vec::new();
        for (classes, node) in &tree.protocols {
            if classes.iter().any(|class| class.is_none()) {
                rules = self.rules(node);
                continue;
            }
            let verdict = self.verdict(node);
            let spans = classes.iter().filter_map(class).map(|number| Span { first: number, last: number });
            cases.extend(spans.map(|span| (span, verdict.clone())));
        }
        if !cases.is_empty() {
            rules.insert(0, Rule::new(vec![], vec![Action::Branch(Key::Protocol, cases)]));
        }
        self.chains.push(Chain { name, hook: None, rules });
        self.is_first = false;
    }

    fn rules(&mut self, node: &Node) -> Vec<Rule> {
        let (dimension, cases, otherwise) = match node {
            Node::Leaf(left) => return left.iter().map(|left| self.leaf(left)).collect(),
            Node::Branch { dimension, cases, otherwise } => (*dimension, cases, otherwise),
        };
        let (mut marks, mut verdicts) = (Vec::new(), Vec::new());
        for (spans, node) in cases {
            match self.decided(node) {
                Some(number) => marks.extend(spans.iter().map(|span| (*span, number))),
                None => verdicts.extend(with(spans, &self.verdict(node))),
            }
        }
        let key = key(dimension);
        let mut rules = Vec::new();
        if !marks.is_empty() {
            marks.sort();
            rules.push(Rule::new(vec![], vec![Action::MarkBy(key, marks), Action::Return]));
        }
        if !verdicts.is_empty() {
            verdicts.sort_by_key(|(span, _)| *span);
            rules.push(Rule::new(vec![], vec![Action::Branch(key, verdicts)]));
        }
        rules.extend(self.rules(otherwise));
        rules
    }

    /// The number that a packet gets there whatever else it is.
    fn decided(&mut self, node: &Node) -> Option<u32> {
        match node {
            Node::Leaf(left) if self.is_first => {
                let first = left.first().filter(|left| left.open.is_empty())?;
                self.live.insert(first.place);
                Some(self.list[first.place].number)
            }
            _ => None,
        }
    }

    fn verdict(&mut self, node: &Rc<Node>) -> Action {
        if matches!(&**node, Node::Leaf(left) if left.is_empty()) {
            return Action::Return;
        }
        if let Some(name) = self.nodes.get(&Rc::as_ptr(node)) {
            return Action::Goto(name.clone());
        }
        let rules = self.rules(node);
        let name = format!("{}_node{}", self.name, self.nodes.len() + 1);
        self.nodes.insert(Rc::as_ptr(node), name.clone());
        self.chains.push(Chain { name: name.clone(), hook: None, rules });
        Action::Goto(name)
    }

    /// A rule has its turn while nothing before it in the list has matched.
    fn leaf(&mut self, left: &Left) -> Rule {
        self.live.insert(left.place);
        let listed = &self.list[left.place];
        let first = (!self.is_first).then_some(Match::MarkAbove(listed.number));
        let asked = left.open.iter().map(|dimension| asked(listed, *dimension));
        let matches = first.into_iter().chain(asked).collect();
        Rule::new(matches, vec![Action::SetMark(listed.number), Action::Return])
    }
}

fn with(spans: &Spans, verdict: &Action) -> Vec<(Span, Action)> {
    spans.iter().map(|span| (*span, verdict.clone())).collect()
}

fn asked(listed: &ListedRule<'_>, dimension: Dimension) -> Match {
    let rule = listed.rule;
    match dimension {
        Dimension::DestinationPort => Match::DestinationPort(PortRange::disjoint(&rule.destination_ports)),
        Dimension::Source => Match::Source(rule.source.clone()),
        Dimension::Destination => Match::Destination(rule.destination.clone()),
        Dimension::SourcePort => Match::SourcePort(PortRange::disjoint(&rule.source_ports)),
    }
}

fn key(dimension: Dimension) -> Key {
    match dimension {
        Dimension::DestinationPort => Key::DestinationPort,
        Dimension::Source => Key::Source,
        Dimension::Destination => Key::Destination,
        Dimension::SourcePort => Key::SourcePort,
    }
}
