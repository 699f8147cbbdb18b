//! Reads what `/metrics` says.

/// One reading of one node's metrics, in the Prometheus text format.
#[derive(Clone, Debug, Default)]
pub struct Metrics(pub String);

impl Metrics {
    /// The sum over all series of `name` whose labels contain each of `labels`, such as
    /// `script="reserve"`. 0 when there is no such series.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.0
            .lines()
            .filter_map(|line| series(line, name))
            .filter(|(set, _)| labels.iter().all(|label| set.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// As [`Metrics::sum`], for a counter of whole things.
    #[must_use]
    pub fn count(&self, name: &str, labels: &[&str]) -> u64 {
        self.sum(name, labels) as u64
    }
}

/// The labels and the value of a line, if it is of `name`.
fn series<'a>(line: &'a str, name: &str) -> Option<(&'a str, f64)> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once('}')?,
        None if rest.starts_with(' ') => ("", rest),
        None => return None,
    };
    let value = value.split_ascii_whitespace().next()?;
    Some((labels, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_summed_by_label() {
        let metrics = Metrics(
            "# HELP calls_total calls\n# TYPE calls_total counter\n\
             calls_total{script=\"reserve\",node=\"1\"} 3\n\
             calls_total{script=\"audit\"} 4 1700000000\n\
             calls_total_other 9\nplain 7\n"
                .to_owned(),
        );
        assert_eq!(metrics.count("calls_total", &[]), 7);
        assert_eq!(metrics.count("calls_total", &["script=\"reserve\""]), 3);
        assert_eq!(metrics.count("plain", &[]), 7);
        assert_eq!(metrics.count("absent", &[]), 0);
    }
}
