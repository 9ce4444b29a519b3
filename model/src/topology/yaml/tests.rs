//! Plain YAML is read by two readers, which agree on every byte.

use proptest::prelude::*;

use super::document::{Document, cut};
use super::load::load_whole;
use super::node::{Kind, Node};
use super::plain::Plain;

/// The tree of a text as the quick reader reads it; none when it is not plain.
fn plain(text: &str) -> Option<Node<'_>> {
    let mut plain = Plain::new(text, 0, text.len());
    let indent = plain.next_line().ok()??;
    let node = plain.block_map_of_document(indent).ok()?;
    plain.duplicates.is_empty().then_some(node)
}

/// The same without what the two number differently.
fn without_ids(mut node: Node<'_>) -> Node<'_> {
    node.id = 0;
    node.kind = match node.kind {
        Kind::List(items) => Kind::List(items.into_iter().map(without_ids).collect()),
        Kind::Map(mut entries) => {
            for entry in &mut entries {
                let nothing = Kind::List(Vec::new());
                let value =
                    std::mem::replace(&mut entry.value, Node { id: 0, span: entry.key.span, kind: nothing });
                entry.value = without_ids(value);
            }
            Kind::Map(entries)
        }
        scalar => scalar,
    };
    node
}

fn agree(text: &str) -> Result<bool, TestCaseError> {
    let Some(quick) = plain(text) else { return Ok(false) };
    let (slow, _) = load_whole(text).map_err(|problem| TestCaseError::fail(format!("{problem:?}")))?;
    prop_assert_eq!(without_ids(quick), without_ids(slow));
    Ok(true)
}

const EXAMPLE: &str = include_str!("../testdata/everything.yaml");

/// Texts that are plain YAML, or nearly.
fn nearly_plain() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => "[a-z0-9._/-]{1,6}", 1 => "[ -~]{0,6}", 1 => Just("'a b'".to_owned()), 1 => Just("\"x: y\"".to_owned()),
        1 => Just("a  b".to_owned()), 1 => Just(String::new()),
    ];
    let flow = word.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::vec(("[a-z]{1,3}|'q'", inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    });
    let line = (
        0..4_usize,
        "[a-z0-9]{1,3}|'q'|a b|- |-",
        prop_oneof![2 => flow, 1 => Just(String::new())],
        0..20_u8,
    )
        .prop_map(|(indent, key, value, odd)| {
            let space = " ".repeat(indent * 2);
            match odd {
                0 => format!("{space}# {value}\n"),
                1 => "\n".to_owned(),
                2 => format!("{space}{key}: {value} # {key}\n"),
                3 => format!("{space}- {value}\n"),
                4 => format!("{space}{key}:\n"),
                _ if key.starts_with('-') => format!("{space}{key}{value}\n"),
                _ => format!("{space}{key}: {value}\n"),
            }
        });
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

/// The example with one place overwritten.
fn damaged() -> impl Strategy<Value = String> {
    (0..EXAMPLE.len(), 0..12_usize, "[-:{}*&,#'\"a-z0-9\n ]{0,4}").prop_filter_map(
        "cut inside of a letter",
        |(at, length, text)| {
            let end = (at + length).min(EXAMPLE.len());
            (EXAMPLE.is_char_boundary(at) && EXAMPLE.is_char_boundary(end)).then(|| {
                let mut damaged = EXAMPLE.to_owned();
                damaged.replace_range(at..end, &text);
                damaged
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_the_quick_reader_reads_is_what_the_other_one_reads(text in nearly_plain()) {
        agree(&text)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Texts that are cut give the same topology, the same problems and the same places as texts that are not.
    #[test]
    fn a_document_in_pieces_reads_like_a_whole_one(text in prop_oneof![nearly_plain(), damaged()]) {
        let (pieces, whole) = (crate::topology::parse(&text), crate::topology::parse::parse_unusual(&text));
        prop_assert_eq!(&pieces.diagnostics, &whole.diagnostics);
        prop_assert_eq!(&pieces.topology, &whole.topology);
    }
}

#[test]
fn the_examples_are_plain() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../topologies");
    let mut plain_ones = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        plain_ones += usize::from(agree(&text).unwrap() && cut(&text).is_ok());
    }
    assert!(plain_ones > 0, "none is");
}

#[test]
fn a_section_is_read_in_pieces_and_each_place_has_its_path() {
    let text = "name: a\n\nvirtualMachines:  \n  # one\n  web1: {subnet: a/b}\n\n  web2:\n    subnet: a/c # two\n\nhosts: 3\n";
    let document = cut(text).unwrap();
    assert_eq!(document.section("virtualMachines").unwrap().len(), 2);
    let path = |word: &str| {
        let start = text.find(word).unwrap();
        document.path_at(crate::topology::Span { start, end: start + word.len() })
    };
    assert_eq!(path("a/b"), "virtualMachines.web1.subnet");
    assert_eq!(path("web2"), "virtualMachines.web2");
    assert_eq!(path("a/c"), "virtualMachines.web2.subnet");
    assert_eq!(path("virtualMachines"), "virtualMachines");
    assert_eq!(path("3"), "hosts");
    assert_eq!(path("# two"), "");
}

#[test]
fn a_large_file_must_be_plain_and_is_told_where_it_is_not() {
    let many: String = (0..200_000).map(|vm| format!("  vm{vm}: {{subnet: a/b}}\n")).collect();
    let text = format!("name: a\nvirtualMachines:\n{many}  odd: {{subnet: &a a/b}}\n");
    let parsed = crate::topology::parse(&text);
    let problem = &parsed.diagnostics[0];
    assert_eq!((problem.code, &text[problem.span.start..problem.span.end]), ("FileTooLarge", "&"));
    assert!(Document::load(&text.replace('&', "")).is_ok());
}
