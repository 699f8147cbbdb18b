//! p99 over the time of the soak.

use super::ChartFrame;
use super::frame::top;
use crate::bench::report::BenchReport;

const PLOT: [f64; 4] = [90.0, 850.0, 56.0, 220.0];
const HEIGHT: f64 = 270.0;

pub(super) fn svg(report: &BenchReport) -> Option<String> {
    let points = &report.soak;
    let most = points.iter().map(|point| point.p99).reduce(f64::max)?;
    let end = points.iter().map(|point| point.seconds).reduce(f64::max)?;
    let [left, right, upper, bottom] = PLOT;
    let scale = top(most);
    let x = |seconds: f64| left + (right - left) * seconds / end;
    let y = |ms: f64| bottom - (bottom - upper) * ms / scale;
    let mut frame = ChartFrame::new(HEIGHT, "The soak: p99 of all answers, slice by slice");
    for part in 0..=4 {
        let ms = scale * f64::from(part) / 4.0;
        frame.line("", (left, y(ms)), (right, y(ms)));
        frame.text(left - 8.0, y(ms) + 4.0, "s", "end", &format!("{ms} ms"));
    }
    for point in points.iter().step_by((points.len() / 5).max(1)) {
        frame.text(
            x(point.seconds),
            bottom + 20.0,
            "s",
            "middle",
            &format!("{:.0} s", point.seconds),
        );
    }
    frame.curve("ours", points.iter().map(|point| (x(point.seconds), y(point.p99))));
    Some(frame.finish())
}
