//! From `docs/problems.md` to pages: headings of the second level are codes, what follows is prose.

use crate::problem::ProblemCode;

pub(super) const SOURCE: &str = include_str!("../../../../docs/problems.md");

/// The index.
pub(super) fn index() -> String {
    let mut body = "<h1>Problems</h1>\n<ul>\n".to_owned();
    for code in ProblemCode::ALL {
        let (name, status, title) = (code.as_str(), code.status().as_u16(), escape(code.title()));
        body.push_str(&format!(
            "<li><a href=\"/problems/{name}\"><code>{name}</code></a> ({status}): {title}.</li>\n"
        ));
    }
    body.push_str("</ul>\n");
    shell("Problems", &body)
}

/// The page of a code.
pub(super) fn of(code: ProblemCode) -> Option<String> {
    let (name, status, title) = (code.as_str(), code.status(), escape(code.title()));
    let prose = section(name)?;
    let body = format!(
        "<p><a href=\"/problems\">All problems</a></p>\n<h1><code>{name}</code></h1>\n<p><strong>{title}.</strong> HTTP {status}.</p>\n{}",
        render(prose)
    );
    Some(shell(name, &body))
}

/// What stands under the heading of a code.
pub(super) fn section(code: &str) -> Option<&'static str> {
    SOURCE.split("\n## ").skip(1).find_map(|section| {
        let (heading, prose) = section.split_once('\n')?;
        (heading.trim() == code).then_some(prose.trim())
    })
}

fn shell(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"/docs/style.css\">\n</head>\n<body class=\"page\">\n{body}</body>\n</html>\n"
    )
}

/// Paragraphs and inline code: all that the document uses.
fn render(prose: &str) -> String {
    let mut markup = String::new();
    for paragraph in prose.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        markup.push_str(&format!("<p>{}</p>\n", inline(paragraph)));
    }
    markup
}

fn inline(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces
        .map(|(at, piece)| match at % 2 {
            0 => escape(piece),
            _ => format!("<code>{}</code>", escape(piece)),
        })
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
