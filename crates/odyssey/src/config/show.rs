//! `odyssey config show`: what is in effect and why, with nothing secret in it.

use std::fmt::Write as _;

use toml::Value;

use super::layers::{Layers, Place, SECRET_KEYS};

pub(super) fn render(layers: &Layers) -> String {
    let mut out = String::new();
    for (section, fields) in layers.merged() {
        let Some(fields) = fields.as_table() else { continue };
        line(&mut out, format_args!("[{section}]"));
        for (field, value) in fields {
            let key = format!("{section}.{field}");
            let shown = if SECRET_KEYS.contains(&key.as_str()) { masked(value) } else { value.clone() };
            match layers.place(&key) {
                Place::Defaults => line(&mut out, format_args!("{field} = {shown}")),
                place => line(&mut out, format_args!("{field} = {shown}  # from {place}")),
            }
        }
        out.push('\n');
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}

/// Says whether a secret is set and nothing else: a URL may carry its password in several places.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        _ => Value::String("(set, not shown)".to_owned()),
    }
}
