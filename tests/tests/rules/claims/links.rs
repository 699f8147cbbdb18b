//! Links between documents: the file is there, and so is the heading. Links to the world are not
//! followed: no test here needs a network.

use crate::claims::documents::{Document, root};
use std::collections::BTreeSet;
use std::fs;

/// The names by which the headings of `text` can be linked, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let mut seen = BTreeSet::new();
    for line in prose.lines().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim();
        // A link in a heading counts by its text.
        let mut plain = title.to_owned();
        while let (Some(open), Some(middle)) = (plain.find('['), plain.find("](")) {
            let Some(end) = plain[middle..].find(')') else {
                break;
            };
            let text = plain[open + 1..middle].to_owned();
            plain.replace_range(open..=middle + end, &text);
        }
        let slug: String = plain
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut name = slug.clone();
        let mut again = 0;
        while !seen.insert(name.clone()) {
            again += 1;
            name = format!("{slug}-{again}");
        }
    }
    seen
}

/// Targets of `[text](target)`, without code.
fn targets(document: &Document) -> Vec<String> {
    let without_code = |line: &str| line.split('`').step_by(2).collect::<String>();
    let prose: String = document.prose().lines().map(without_code).collect();
    let parts = prose.split("](").skip(1);
    parts.filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    let mut followed = 0;
    for document in Document::all() {
        for target in targets(&document) {
            if target.starts_with("http") || target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                document.path.clone()
            } else {
                document.path.parent().unwrap().join(file)
            };
            if !path.exists() {
                wrong.push(format!("{}: {target} is not there", document.name));
            } else if !anchor.is_empty() && path.extension().is_some_and(|e| e == "md") {
                let text = fs::read_to_string(&path).unwrap();
                if !anchors(&text).contains(anchor) {
                    wrong.push(format!("{}: {target} has no such heading", document.name));
                }
            }
        }
    }
    assert!(followed > 50, "links were found: {followed}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_document_can_be_reached_from_the_readme() {
    let all = Document::all();
    let mut reached = BTreeSet::new();
    let mut next = vec![root().join("README.md")];
    while let Some(path) = next.pop() {
        let document = all.iter().find(|d| d.path == path);
        let Some(document) = document.filter(|d| reached.insert(d.name.clone())) else {
            continue;
        };
        let folder = path.parent().unwrap();
        for target in targets(document) {
            let file = target.split('#').next().unwrap_or_default();
            if let Ok(path) = folder.join(file).canonicalize() {
                next.push(path);
            }
        }
    }
    let lost = all.iter().filter(|d| !reached.contains(&d.name));
    let lost: Vec<&str> = lost.map(|d| d.name.as_str()).collect();
    assert!(lost.is_empty(), "no document links to {lost:?}");
}

#[test]
fn headings_are_named_as_github_names_them() {
    let text =
        "# A `code` & more\n## Take it\n```sh\n# a comment\n```\n## Take it\n# [Link](x.md): 1\n";
    let named: Vec<String> = anchors(text).into_iter().collect();
    assert_eq!(named, ["a-code--more", "link-1", "take-it", "take-it-1"]);
}
