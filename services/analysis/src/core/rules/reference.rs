//! What rules may look at and name, as Markdown: written from the views themselves.

use super::parse::SUBJECTS;
use crate::core::{
    families,
    measures::questions,
    subjects::{self, view::View},
};

/// The page.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# What rules may name\n\nWritten by `paramedic rules fields` from the code; how a rule is written says [rules](rules.md).\n\n\
         ## Subjects\n\nA rule looks at one kind of thing (`each`). Its expressions may use these names; where one that it uses is missing (a pod \
         without a workload), the rule does not apply.\n\n| each | names |\n|---|---|\n",
    );
    for (each, names) in SUBJECTS {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        page.push_str(&format!("| `{each}` | {} |\n", names.join(", ")));
    }
    page.push_str("\n## Fields\n\nWhole numbers and numbers are different types in CEL: `pod.restarts > 3`, but `claim.used > 0.85`.\n");
    for (name, shape) in subjects::shapes() {
        let Some(view) = shape.view() else { continue };
        page.push_str(&format!(
            "\n### {name}\n\n{}\n\n| field | type | meaning |\n|---|---|---|\n",
            view.about
        ));
        rows(&mut page, name, view);
    }
    page.push_str(
        "\n## Numbers of tests\n\nWhat tests of rules may measure (`measures`), by these names, each with the labels that its query leaves.\n\n\
         | name | query |\n|---|---|\n",
    );
    for (name, query) in questions(families::usual(), "{namespaces}") {
        page.push_str(&format!("| `{name}` | `{}` |\n", query.replace('|', "\\|")));
    }
    page
}

/// A row for every field, and for the fields in it.
fn rows(page: &mut String, path: &str, view: &View) {
    for field in &view.fields {
        let path = format!("{path}.{}", field.name);
        page.push_str(&format!(
            "| `{path}` | {} | {} |\n",
            field.shape.words(),
            field.meaning.replace('|', "\\|")
        ));
        if let Some(inner) = field.shape.view() {
            rows(page, &path, inner);
        }
    }
}
