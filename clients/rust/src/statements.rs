//! The contract's statements as text with their values in it.
//!
//! A beat is one message in the simple protocol: the settings and the statement, in one transaction of one round trip.
//! sqlx can bind parameters only in a message that prepares first, which breaks behind a transaction pooler. So the values
//! are written into the text as literals, each in quotes.

/// The contract's SQL for the schemas of one River. The files are copies of `clients/sql`.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) meta: String,
    pub(crate) beat: String,
    pub(crate) end: String,
    pub(crate) checkpoint: String,
    pub(crate) resume: String,
    pub(crate) pod: String,
    /// This client's own.
    pub(crate) known: String,
}

impl Statements {
    pub(crate) fn new(river: &str, keeper: &str) -> Self {
        let sql = |text| prepared(text, river, keeper);
        Self {
            meta: sql(include_str!("../sql/meta.sql")),
            beat: sql(include_str!("../sql/beat.sql")),
            end: sql(include_str!("../sql/end.sql")),
            checkpoint: sql(include_str!("../sql/checkpoint.sql")),
            resume: sql(include_str!("../sql/resume.sql")),
            pod: sql(include_str!("../sql/pod.sql")),
            known: sql(include_str!("../query/known.sql")),
        }
    }
}

/// In which schema the search_path of the session finds River's table.
pub(crate) fn river_schema() -> String {
    prepared(include_str!("../query/river_schema.sql"), "", "")
}

/// An empty schema is the one that the search_path finds.
pub(crate) fn verify_claim(river: &str) -> String {
    prepared(include_str!("../sql/verify_claim.sql"), river, "")
}

/// The same for River's schema.
pub(crate) fn checkpoint_tx(river: &str, keeper: &str) -> String {
    prepared(include_str!("../sql/checkpoint_tx.sql"), river, keeper)
}

/// The settings under which a statement of ours runs. With another schema in the search_path, any login that may create there
/// can offer a better match for a function, an operator or a type, and it would run with the worker's rights. A policy of row
/// level security that hides a job is an error, or its claim would look lost. What is written and read as text is so in one
/// form, whatever the login sets. The limit holds on the server too: a statement there that waits for a lock would wait on
/// after its client has gone.
pub(crate) fn pin(limit: std::time::Duration) -> String {
    let settings = [
        ("search_path", "pg_catalog, pg_temp"),
        ("row_security", "off"),
        ("array_nulls", "on"),
        ("DateStyle", "ISO, YMD"),
        ("IntervalStyle", "postgres"),
        ("TimeZone", "UTC"),
        ("extra_float_digits", "1"),
        ("statement_timeout", &limit.as_millis().max(1).to_string()),
    ]
    .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)"));
    format!("SELECT {};\n", settings.join(", "))
}

/// A file without comments, with quoted schemas.
fn prepared(text: &str, river: &str, keeper: &str) -> String {
    let code = text.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end()); // no string holds --
    let text = code.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let text = with_schema(&text, "keeper.", keeper);
    with_schema(&text, "river.", river)
}

fn with_schema(text: &str, name: &str, schema: &str) -> String {
    let prefix = if schema.is_empty() { String::new() } else { format!("{}.", identifier(schema)) };
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = rest.split_at(at);
        written.push_str(before);
        let inside_a_word = before.ends_with(|end: char| end.is_ascii_alphanumeric() || end == '_');
        written.push_str(if inside_a_word { name } else { &prefix });
        rest = &after[name.len()..];
    }
    written + rest
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes the values in place of the names, `%(name)s`.
///
/// # Panics
/// Where a statement names a value that is not given, which a test of every statement would find.
pub(crate) fn filled(statement: &str, values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(statement.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once("%(") {
        let (name, after) = after.split_once(")s").expect("a parameter ends with )s");
        let (_, value) = values.iter().find(|(given, _)| *given == name).expect("every parameter has a value");
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text + rest
}

/// A text as a literal, which is read the same whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\0', "").replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// An array as one literal: pg_stat_statements would count an ARRAY[…] of another length as another statement.
pub(crate) fn array<T: AsRef<str>>(elements: impl IntoIterator<Item = Option<T>>) -> String {
    let quoted = elements.into_iter().map(|element| {
        element.map_or_else(
            || "NULL".to_owned(),
            |text| format!("\"{}\"", text.as_ref().replace('\\', "\\\\").replace('"', "\\\"")),
        )
    });
    literal(&format!("{{{}}}", quoted.collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schemas are quoted, and names that only end like one stay.
    #[test]
    fn schemas_are_quoted() {
        let statements = Statements::new("my \"jobs\"", "keeper");
        assert!(statements.beat.contains("FROM \"my \"\"jobs\"\"\".river_job"));
        assert!(statements.beat.contains("INSERT INTO \"keeper\".client AS c"));
        assert!(statements.meta.contains("m.river_schema"));
        assert!(verify_claim("").contains("FROM river_job AS j"));
        assert!(!statements.beat.contains("--"));
    }

    /// A text cannot end its literal, with either meaning of a backslash.
    #[test]
    fn literals_hold_any_text() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b\0"), "E'a\\\\''b'");
        assert_eq!(array(Vec::<Option<&str>>::new()), "'{}'");
        assert_eq!(array([Some("1"), None]), "'{\"1\",NULL}'");
        assert_eq!(array([Some("a\"b\\c'd")]), "E'{\"a\\\\\"b\\\\\\\\c''d\"}'");
    }

    /// Each value stands where its name stood, also twice, and a value that looks like a name is not replaced again.
    #[test]
    fn values_replace_names() {
        let values = [("a", literal("%(b)s")), ("b", literal("2"))];
        assert_eq!(filled("%(a)s + %(b)s + %(a)s", &values), "'%(b)s' + '2' + '%(b)s'");
    }
}
