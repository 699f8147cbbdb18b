//! The header `Lastseat-Gone`, by which what is gone travels from nodes to edges.
//!
//! `1 <version> <stops> <row> ...`. Stops are their ids with commas between them, `-` in a hall,
//! `~` where they would be too long: then edges have stops by their numbers only, and orders that
//! name them by ids go to a node. A row is `<class>.<quantity>s<reach>`, sold out, or with `h`,
//! held; the class is its id, because an order's address has that. Numbers of stops need no list.
//! Rows of small quantities come first, which refuse all larger ones as well; what does not fit is
//! left out, so a header may say less than its node has and never more.

use super::{GoneBy, GoneJourneys, GoneNames, GoneStops};
use crate::admission::wanted_journeys::number;
use crate::domain::time::UnixMillis;
use crate::limits::{GONE_HEADER_MAX, LEGS_MAX, QUANTITY_MAX};
use crate::plan::is_plan_id;
use crate::seats::Reach;
use core::fmt::Write as _;
use std::sync::Arc;

const FORMAT: &str = "1";
const HALL: &str = "-";
const NUMBERS_ONLY: &str = "~";

impl GoneJourneys {
    /// The header `Lastseat-Gone`; `None` while nothing is gone. It stays as it is until something
    /// is noted, or up to [`Self::header_until`].
    #[must_use]
    pub fn to_header(&self, now: UnixMillis) -> Option<String> {
        let mut rows = Vec::new();
        for row in &self.rows {
            rows.extend([("s", row, &row.sold)]);
            if now < row.held_until {
                rows.extend([("h", row, &row.held)]);
            }
        }
        rows.retain(|(.., reach)| reach.lost() > 0);
        rows.sort_by_key(|(_, row, reach)| (row.quantity, core::cmp::Reverse(reach.lost())));
        let stops = match &self.names.stops {
            GoneStops::Unknown => NUMBERS_ONLY.to_owned(),
            GoneStops::Hall => HALL.to_owned(),
            GoneStops::Ids(ids) => ids.join(","),
        };
        let mut text = format!("{FORMAT} {} {stops}", self.version);
        let begun = text.len();
        for (letter, row, reach) in rows {
            let before = text.len();
            let class = self.names.classes.get(row.class)?;
            let _ = write!(text, " {class}.{}{letter}{}", row.quantity, reach.to_text());
            if text.len() > GONE_HEADER_MAX {
                text.truncate(before);
            }
        }
        (text.len() > begun).then_some(text)
    }

    /// When the header becomes another one by itself, if nothing is noted before.
    #[must_use]
    pub fn header_until(&self, now: UnixMillis) -> UnixMillis {
        let held = self.rows.iter().map(|row| row.held_until).filter(|until| now < *until);
        held.min().unwrap_or(UnixMillis::LAST)
    }

    /// Takes in a header `Lastseat-Gone`; for an edge. One that no version of lastseat writes, of
    /// an older version of the sale, or of another plan says nothing.
    pub fn take_in(&mut self, header: &str, now: UnixMillis) {
        let Some(header) = GoneHeader::parse(header) else { return };
        if !self.at_version(header.version) {
            return;
        }
        let GoneHeader { legs, stops, rows, .. } = header;
        if !self.names.are_of(legs, &stops) {
            if !self.rows.is_empty() {
                return;
            }
            self.names = Arc::new(GoneNames { legs, stops, classes: Vec::new() });
        }
        for GoneHeaderRow { class, quantity, by, reach } in rows {
            let place = self.class(class);
            if let Some(row) = self.row(place, quantity) {
                row.lose(by, now, |noted| noted.meet(&reach));
            }
        }
    }
}

/// A header that was read.
struct GoneHeader<'a> {
    version: u64,
    legs: usize,
    stops: GoneStops,
    rows: Vec<GoneHeaderRow<'a>>,
}

struct GoneHeaderRow<'a> {
    class: &'a str,
    quantity: u32,
    by: GoneBy,
    reach: Reach,
}

impl<'a> GoneHeader<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        if header.len() > GONE_HEADER_MAX {
            return None;
        }
        let mut words = header.split(' ');
        if words.next()? != FORMAT {
            return None;
        }
        let version = words.next()?.parse().ok()?;
        let stops = match words.next()? {
            HALL => GoneStops::Hall,
            NUMBERS_ONLY => GoneStops::Unknown,
            list => GoneStops::Ids(list.split(',').map(str::to_owned).collect()),
        };
        let rows = words.map(GoneHeaderRow::parse).collect::<Option<Vec<_>>>()?;
        let legs = rows.first()?.reach.legs();
        let fits = match &stops {
            GoneStops::Hall => legs == 1,
            GoneStops::Unknown => true,
            GoneStops::Ids(ids) => ids.len() == legs + 1 && ids.iter().all(|id| is_plan_id(id)),
        };
        let alike = rows.iter().all(|row| row.reach.legs() == legs) && legs <= LEGS_MAX;
        (fits && alike).then_some(Self { version, legs, stops, rows })
    }
}

impl<'a> GoneHeaderRow<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (class, rest) = text.split_once('.')?;
        let letter = rest.find(['s', 'h'])?;
        let (quantity, rest) = rest.split_at(letter);
        let by = if rest.starts_with('s') { GoneBy::SoldOut } else { GoneBy::AllHeld };
        let quantity = number(quantity).filter(|of| (1..=QUANTITY_MAX).contains(of))?;
        let reach = Reach::parse(&rest[1..])?;
        is_plan_id(class).then_some(Self { class, quantity, by, reach })
    }
}
