//! Latency at offered load, on logarithmic time.

use super::ChartFrame;
use crate::bench::m08_latency::Point;
use crate::bench::report::BenchReport;
use crate::rush::report::thousands;

/// Left, right, top and bottom edge of the plot.
const PLOT: [f64; 4] = [90.0, 850.0, 56.0, 290.0];
const HEIGHT: f64 = 370.0;

pub(super) fn svg(report: &BenchReport) -> Option<String> {
    let points = &report.latency;
    let most_rate = points.iter().map(|p| p.rate).fold(0.0, f64::max);
    let (least, most) = range(points)?;
    let title = "Time of an order at an offered load (open loop, one origin)";
    let mut frame = ChartFrame::new(HEIGHT, title);
    let [left, right, top, bottom] = PLOT;
    let (low, high) = (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0));
    let y = |ms: f64| bottom - (bottom - top) * (ms.log10() - low) / (high - low);
    let x = |rate: f64| left + (right - left) * rate / most_rate;
    for decade in (low as i32)..=(high as i32) {
        let ms = 10_f64.powi(decade);
        frame.line("", (left, y(ms)), (right, y(ms)));
        frame.text(left - 8.0, y(ms) + 4.0, "s", "end", &format!("{ms} ms"));
    }
    let mut rates: Vec<f64> = points.iter().map(|p| p.rate).collect();
    rates.dedup();
    for rate in rates {
        let text = format!("{}/s", thousands(rate as u64));
        frame.text(x(rate), bottom + 20.0, "s", "middle", &text);
    }
    let curves = [
        ("lastseat", "p99", "ours"),
        ("lastseat", "p50", "ours dash"),
        ("S2", "p99", "peer"),
        ("S2", "p50", "peer dash"),
    ];
    for (row, (service, quantile, class)) in curves.into_iter().enumerate() {
        let of = points.iter().filter(|point| point.service == service);
        let value = |point: &Point| {
            if quantile == "p99" { point.p99 } else { point.p50 }
        };
        frame.curve(class, of.map(|point| (x(point.rate), y(value(point).max(least)))));
        let at = left + 190.0 * row as f64;
        frame.curve(class, [(at, HEIGHT - 24.0), (at + 28.0, HEIGHT - 24.0)]);
        frame.text(at + 36.0, HEIGHT - 19.0, "", "start", &format!("{quantile} of {service}"));
    }
    frame.text(right, 30.0, "s", "end", "logarithmic scale");
    Some(frame.finish())
}

fn range(points: &[Point]) -> Option<(f64, f64)> {
    let all = points.iter().flat_map(|point| [point.p50, point.p99]);
    let (least, most) =
        all.fold((f64::MAX, 0.0), |(least, most), ms| (ms.min(least), ms.max(most)));
    (most > 0.0).then(|| (least.max(0.01), most))
}
