//! Event details as operators send them.

use jiff::{Timestamp, tz};
use serde_json::Value;
use shared::{EventDetails, Problem};

/// Reads and checks a document of event details.
///
/// # Errors
/// What to change.
pub fn read(document: &Value) -> Result<EventDetails, Problem> {
    let event = EventDetails::from_document(document).map_err(Problem::invalid)?;
    check_zone(&event.zone)?;
    Ok(event)
}

/// A browser has no zone by a misspelt name and writes UTC in its place. Where this machine
/// has no time zones, the name is taken as it is.
fn check_zone(zone: &str) -> Result<(), Problem> {
    let zones = tz::db();
    if zone.is_empty() || zone == "UTC" || zones.is_definitively_empty() {
        return Ok(());
    }
    zones.get(zone).map(drop).map_err(|why| {
        Problem::invalid(format!("event: \"zone\" is the name of a time zone: {why}"))
    })
}

/// When it starts by the clock of its zone, to the minute, where this machine has that zone.
pub(crate) fn starts_local(event: &EventDetails) -> Option<String> {
    let ms = i64::try_from(event.starts_at?.0).ok()?;
    let at = Timestamp::from_millisecond(ms).ok()?.in_tz(&event.zone).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_zone_that_is_misspelt_is_named() {
        for zone in ["Europe/Berlin", "Asia/Shanghai", "UTC"] {
            let event = json!({"title": "A", "zone": zone, "starts_at": 1_795_428_000_000_u64});
            assert_eq!(read(&event).unwrap().zone, zone);
        }
        let event =
            json!({"title": "A", "zone": "Asia/Shanghai", "starts_at": 1_808_155_800_000_u64});
        let local = starts_local(&read(&event).unwrap());
        assert_eq!(local.as_deref(), Some("2027-04-20T01:30"));
        let wrong = read(&json!({"title": "A", "zone": "Europe/Berln"})).unwrap_err();
        assert!(wrong.detail.contains("Europe/Berln"), "{}", wrong.detail);
        assert!(read(&json!({"titel": "A"})).unwrap_err().detail.contains("titel"));
    }
}
