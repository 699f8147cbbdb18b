//! Reach: exact, falling, and short enough for a header.

use super::*;
use proptest::prelude::*;

/// The farthest stop from each, by trying every journey.
fn brute_force(planes: &Planes, quantity: u32) -> Vec<usize> {
    let legs = planes.legs();
    let farthest = |from: usize| {
        let ends = (from + 1..=legs).filter(|to| {
            let seats = 0..planes.words() as u32 * 32;
            let all_legs = |seat: &u32| (from..*to).all(|leg| planes.is_free(*seat, leg));
            seats.filter(all_legs).count() >= quantity as usize
        });
        ends.max().unwrap_or(from)
    };
    (0..legs).map(farthest).collect()
}

fn farthest(reach: &Reach, legs: usize) -> Vec<usize> {
    (0..legs).map(|from| reach.farthest(from)).collect()
}

/// Takes one seat at a time until nothing is free, and checks each step.
fn sell_out(stops: usize, seats: u32, dice: &mut Dice) {
    let layout =
        SeatLayout::new(stops - 1, &ranges(&vec![1; seats as usize]), &ranges(&[seats]), true);
    let layout = layout.unwrap();
    let legs = layout.legs();
    let mut planes = Planes::free(&layout);
    let mut before = Reach::of(&planes, 1);
    assert_eq!(farthest(&before, legs), vec![legs; legs], "all can be had");
    while (0..legs).any(|leg| planes.count_free(journey(leg, leg + 1)) > 0) {
        let from = dice.roll(legs as u64) as usize;
        let to = from + 1 + dice.roll((legs - from) as u64) as usize;
        let journey = journey(from, to);
        // Any free seat: reach must be right whatever the search prefers.
        let free: Vec<u32> = (0..seats)
            .filter(|seat| planes.free_on(journey)[*seat as usize / 32] >> (seat % 32) & 1 == 1)
            .collect();
        assert_eq!(before.has(journey), !free.is_empty(), "{journey:?}");
        if free.is_empty() {
            continue;
        }
        let seat = free[dice.roll(free.len() as u64) as usize];
        planes.take(journey, &[seat]).unwrap();
        for quantity in [1, 2, 3] {
            let reach = Reach::of(&planes, quantity);
            assert_eq!(farthest(&reach, legs), brute_force(&planes, quantity));
            assert_eq!(Reach::parse(&reach.to_text()), Some(reach));
        }
        let reach = Reach::of(&planes, 1);
        for from in 0..legs {
            assert!(reach.farthest(from) <= before.farthest(from), "only falls");
        }
        before = reach;
    }
    assert_eq!(farthest(&before, legs), (0..legs).collect::<Vec<_>>(), "nothing can be had");
    assert_eq!(planes.most_free(), 0);
}

#[test]
fn reach_is_exact_for_every_pair_and_only_falls_while_seats_are_sold() {
    let mut dice = Dice(1);
    for (stops, seats) in [(2, 40), (4, 3), (5, 33), (12, 7), (30, 4), (64, 2)] {
        for _ in 0..4 {
            sell_out(stops, seats, &mut dice);
        }
    }
}

#[test]
fn reach_of_thirty_stops_takes_eleven_characters_and_of_sixty_four_twenty_two() {
    for (stops, expected) in [(2, 2), (30, 11), (64, 22)] {
        let layout = SeatLayout::new(stops - 1, &ranges(&[3]), &ranges(&[3]), true).unwrap();
        let mut planes = Planes::free(&layout);
        assert_eq!(Reach::of(&planes, 1).to_text().len(), expected);
        assert_eq!(Reach::of(&planes, 4).to_text().len(), expected, "with nothing left as well");
        planes.take(journey(0, 1), &[0, 1]).unwrap();
        assert_eq!(Reach::of(&planes, 2).farthest(0), 0);
        assert_eq!(Reach::of(&planes, 1).farthest(0), stops - 1);
        assert_eq!(Reach::of(&planes, 1).farthest(stops), stops, "there is no such stop");
    }
}

#[test]
fn a_text_that_is_no_reach_is_not_read() {
    let layout = SeatLayout::new(3, &ranges(&[1]), &ranges(&[1]), true).unwrap();
    let text = Reach::of(&Planes::free(&layout), 1).to_text();
    assert_eq!(text, "D4", "three legs, three steps up, three to the side");
    assert!(Reach::parse(&text).is_some());
    // No legs, too few digits, too many, a fall below the own stop, one step too high, no digit.
    for bad in ["", "A", "D", "D4A", "DA", "D8", "D.", "é", "4", "-"] {
        assert_eq!(Reach::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_of_reach_panic(text in "[A-Za-z0-9_.-]{0,30}") {
        if let Some(reach) = Reach::parse(&text) {
            prop_assert_eq!(reach.to_text(), text);
        }
    }
}
