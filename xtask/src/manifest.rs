//! Reads from a Cargo.toml the few facts the tasks need, so that they need no TOML library.

/// What a task wants to know of a package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) published: bool,
    /// The features in the order of the file, without an empty `default`.
    pub(crate) features: Vec<String>,
}

impl Manifest {
    /// # Errors
    ///
    /// A clause that says what is missing or what this reader would get wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let entries = entries(text);
        let find = |section: &str, key: &str| {
            let mut entries = entries.iter();
            entries.find(|entry| entry.section == section && entry.key == key)
        };
        let name = find("package", "name").ok_or("has no package name")?;
        let name = name.value.trim_matches('"').to_owned();
        let published = find("package", "publish").is_none_or(|entry| entry.value != "false");
        let features = || entries.iter().filter(|entry| entry.section == "features");
        for dependency in entries.iter().filter_map(Entry::optional_dependency) {
            let named = format!("\"dep:{dependency}\"");
            if !features().any(|feature| feature.value.contains(&named)) {
                return Err(format!(
                    "has an optional dependency `{dependency}` that no feature names with `dep:`, \
                     so it is a feature that nobody wrote down"
                ));
            }
        }
        let features = features()
            .filter(|feature| feature.key != "default" || feature.value != "[]")
            .map(|feature| feature.key.clone())
            .collect();
        Ok(Self {
            name,
            published,
            features,
        })
    }
}

struct Entry {
    section: String,
    key: String,
    /// The value as it is written, without comments and line breaks.
    value: String,
}

impl Entry {
    fn optional_dependency(&self) -> Option<&str> {
        let (_, rest) = self.section.split_once("dependencies")?;
        match rest.strip_prefix('.') {
            // [dependencies.name] with a line of its own
            Some(name) => (self.key == "optional" && self.value == "true").then_some(name),
            None => self.value.contains("optional = true").then_some(&self.key),
        }
    }
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    // How many brackets the last value still has to close: a list may take several lines.
    let mut open = 0;
    for line in text.lines() {
        let line = without_comment(line).trim();
        if open > 0 {
            if let Some(last) = entries.last_mut() {
                last.value.push_str(line);
            }
            open += brackets(line);
        } else if line.starts_with('[') {
            line.trim_matches(['[', ']'])
                .trim()
                .clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=') {
            open = brackets(value);
            entries.push(Entry {
                section: section.clone(),
                key: key.trim().trim_matches('"').to_owned(),
                value: value.trim().to_owned(),
            });
        }
    }
    entries
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, char) in line.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

/// Opening less closing brackets, outside of strings.
fn brackets(text: &str) -> i32 {
    let mut quoted = false;
    let mut open = 0;
    for char in text.chars() {
        match char {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => open += 1,
            ']' | '}' if !quoted => open -= 1,
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_order_over_comments_and_line_breaks() {
        let manifest = Manifest::parse(
            r#"
            [package]
            name = "steadfast-demo" # the name
            keywords = ["a # b", "c"]
            [features]
            default = []
            # `A`: [not, a, list
            tokio = [
                "dep:tokio", # the executor
                "core/tokio",
            ]
            smol = ["core/smol"]
            [dependencies]
            tokio = { workspace = true, optional = true }
            "#,
        );
        let expected = Manifest {
            name: "steadfast-demo".to_owned(),
            published: true,
            features: vec!["tokio".to_owned(), "smol".to_owned()],
        };
        assert_eq!(manifest, Ok(expected));
    }

    #[test]
    fn a_default_that_does_something_is_a_feature_to_check() {
        let text =
            "[package]\nname = \"a\"\npublish = false\n[features]\ndefault = [\"b\"]\nb = []";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.features, ["default", "b"]);
        assert!(!manifest.published);
    }

    #[test]
    fn a_feature_that_cargo_makes_up_is_refused() {
        for dependency in [
            "[dependencies]\nb = { version = \"1\", optional = true }",
            "[target.'cfg(unix)'.dependencies.b]\nversion = \"1\"\noptional = true",
        ] {
            let text = format!("[package]\nname = \"a\"\n{dependency}");
            assert!(Manifest::parse(&text).unwrap_err().contains("`b`"));
        }
    }
}
