//! Figures of a benchmark, as a table for people or as JSON.

use serde_json::{Map, Value, json};

/// One benchmark's figures: a row for each thing that was measured, a column for each figure.
#[derive(Debug)]
pub struct Report {
    name: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Report {
    /// An empty report. A column's name says its unit.
    pub fn new(name: &'static str, columns: &[&'static str]) -> Self {
        Self { name, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; `None` is a figure that could not be measured.
    pub fn row(&mut self, name: impl Into<String>, figures: &[Option<f64>]) {
        self.rows.push((name.into(), figures.to_vec()));
    }

    /// Prints it in the form that the command line asks for.
    pub fn print(&self, as_json: bool) {
        if as_json {
            println!("{}", self.json());
        } else {
            print!("{}", self.table());
        }
    }

    /// `{"bench": NAME, "rows": {ROW: {COLUMN: FIGURE}}}`
    pub fn json(&self) -> Value {
        let row = |figures: &[Option<f64>]| {
            let cells = self
                .columns
                .iter()
                .zip(figures)
                .map(|(column, figure)| ((*column).to_owned(), json!(figure)));
            Value::Object(cells.collect())
        };
        let rows: Map<String, Value> =
            self.rows.iter().map(|(name, figures)| (name.clone(), row(figures))).collect();
        json!({"bench": self.name, "rows": rows})
    }

    /// One line for each row, figures right-aligned below their columns.
    pub fn table(&self) -> String {
        let first = self.rows.iter().map(|(name, _)| name.len()).chain([self.name.len()]).max().unwrap_or(0);
        let mut text = format!("{:first$}", self.name);
        text.extend(self.columns.iter().map(|column| format!("  {column:>9}")));
        text.push('\n');
        for (name, figures) in &self.rows {
            text.push_str(&format!("{name:first$}"));
            for (column, figure) in self.columns.iter().zip(figures) {
                let width = column.len().max(9);
                let cell = figure.map_or_else(|| "-".into(), number);
                text.push_str(&format!("  {cell:>width$}"));
            }
            text.push('\n');
        }
        text
    }
}

/// Three digits are what such measurements are good for.
fn number(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// The middle one of some measurements; `None` of none.
pub fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table_or_json() {
        let mut report = Report::new("b", &["ns", "a long column"]);
        report.row("first", &[Some(1.234), None]);
        report.row("x", &[Some(1234.5), Some(55.55)]);
        assert_eq!(
            report.table(),
            "b             ns  a long column\nfirst       1.23              -\nx           1234           55.5\n"
        );
        assert_eq!(report.json()["rows"]["x"]["ns"], 1234.5);
    }

    #[test]
    fn the_median_is_no_mean() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![]), None);
    }
}
