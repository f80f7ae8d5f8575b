//! The table of a bench, on the terminal and as a file under `docs/benchmarks`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::measure::Series;

/// Whether what is measured was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temperature {
    Cold,
    Warm,
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub temperature: Temperature,
    pub unit: &'static str,
    pub series: Series,
    /// Index of the row that this one is measured against; `None` for a yardstick.
    pub yardstick: Option<usize>,
}

/// What a bench found out.
#[derive(Debug, Default)]
pub struct Findings {
    pub rows: Vec<Row>,
    /// What was checked to be the same, and what the rows mean.
    pub notes: Vec<String>,
    /// Tables of another kind, in Markdown, each with its heading.
    pub sections: Vec<String>,
}

impl Findings {
    /// Adds a row and returns its index.
    pub fn add(&mut self, name: impl Into<String>, temperature: Temperature, unit: &'static str) -> usize {
        let row = Row { name: name.into(), temperature, unit, series: Series::default(), yardstick: None };
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// The same for a row that is compared with another.
    pub fn add_against(
        &mut self,
        yardstick: usize,
        name: impl Into<String>,
        temperature: Temperature,
        unit: &'static str,
    ) -> usize {
        let at = self.add(name, temperature, unit);
        self.rows[at].yardstick = Some(yardstick);
        at
    }

    /// The table in Markdown, which reads well on a terminal too.
    pub fn table(&self) -> String {
        let header =
            ["what", "state", "n", "p50 ms", "p95 ms", "p99 ms", "rate", "times as fast as its yardstick"];
        let mut lines = vec![header.map(str::to_owned)];
        lines.extend(self.rows.iter().map(|row| self.line(row)));
        let widths: [usize; 8] =
            std::array::from_fn(|at| lines.iter().map(|l| l[at].chars().count()).max().unwrap_or(0));
        let mut table = String::new();
        for (nth, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                table.push_str(&format!("| {cell:<width$} "));
            }
            table.push_str("|\n");
            if nth == 0 {
                table.push_str(&widths.map(|width| format!("| {} ", "-".repeat(width))).concat());
                table.push_str("|\n");
            }
        }
        table
    }

    fn line(&self, row: &Row) -> [String; 8] {
        let series = &row.series;
        let ratio = match row.yardstick {
            Some(at) => times(series.ratio_to(&self.rows[at].series)),
            None => "yardstick".to_owned(),
        };
        [
            row.name.clone(),
            if row.temperature == Temperature::Cold { "cold" } else { "warm" }.to_owned(),
            series.count().to_string(),
            millis(series.percentile(50)),
            millis(series.percentile(95)),
            millis(series.percentile(99)),
            format!("{:.0} {}/s", series.rate(), row.unit),
            ratio,
        ]
    }
}

/// Writes `<out>/<name>.md`: the facts of the run, the table, the notes.
pub fn write(out: &Path, name: &str, facts: &[(&str, String)], findings: &Findings) -> anyhow::Result<()> {
    let mut text = format!("# {name}\n\n");
    if cfg!(debug_assertions) {
        text.push_str(
            "**A development build on a shared machine.** These figures show that the bench works and what it \
             measures; they say nothing about the goals, and a release run replaces them.\n\n",
        );
    }
    for (fact, value) in facts {
        text.push_str(&format!("- {fact}: {value}\n"));
    }
    text.push_str(&format!("\n{}\n", findings.table()));
    text.push_str("A ratio is the median over the rounds of (time of the yardstick ÷ time of ours), each round's median request, the two run one after the other. Percentiles are over the requests of all rounds; a rate is the median of the rounds.\n\n");
    for section in &findings.sections {
        text.push_str(&format!("{section}\n"));
    }
    for note in &findings.notes {
        text.push_str(&format!("- {note}\n"));
    }
    std::fs::create_dir_all(out).with_context(|| format!("the folder {} cannot be made", out.display()))?;
    let path = out.join(format!("{name}.md"));
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// Three digits that mean something, however small the ratio.
fn times(ratio: f64) -> String {
    match ratio {
        r if r >= 100.0 => format!("{r:.0} ×"),
        r if r >= 10.0 => format!("{r:.1} ×"),
        r if r >= 1.0 => format!("{r:.2} ×"),
        r => format!("{r:.4} ×"),
    }
}

fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.0}") }
}
