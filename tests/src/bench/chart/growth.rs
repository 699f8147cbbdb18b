//! What an order costs beside the smallest case, one bar for each way to grow.

use super::ChartFrame;
use crate::bench::report::BenchReport;

const LEFT: f64 = 330.0;
const RIGHT: f64 = 790.0;
const ROW: f64 = 34.0;
/// A tenth more is still flat.
const FLAT: f64 = 1.1;

pub(super) fn svg(report: &BenchReport) -> Option<String> {
    let rows = report.measures.iter().filter(|row| row.id == "M10" && row.unit == "us");
    // How many times the smallest case an order costs.
    let bars: Vec<(String, f64)> = rows
        .filter_map(|row| {
            let what = row.name.split("order").nth(1)?.split(", against").next()?;
            let what = what.trim_start_matches([',', ' ']).to_owned();
            Some((what, 1.0 / row.ratio?))
        })
        .collect();
    let most = bars.iter().map(|bar| bar.1).reduce(f64::max)?.max(FLAT);
    let height = 96.0 + ROW * bars.len() as f64;
    let mut frame =
        ChartFrame::new(height, "Processor time of an order, as a multiple of the smallest case");
    let scale = (RIGHT - LEFT) / most;
    for (row, (what, times)) in bars.iter().enumerate() {
        let y = 52.0 + ROW * row as f64;
        frame.text(LEFT - 10.0, y + 17.0, "", "end", what);
        let class = if *times <= FLAT { "b" } else { "c" };
        frame.bar(class, LEFT, y, times * scale, 24.0);
        frame.text(LEFT + times * scale + 8.0, y + 17.0, "n", "start", &format!("{times:.2}"));
    }
    let x = LEFT + FLAT * scale;
    frame.line("goal", (x, 44.0), (x, height - 40.0));
    frame.text(x, height - 22.0, "s", "middle", "a tenth more");
    Some(frame.finish())
}
