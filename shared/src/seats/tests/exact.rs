//! Exact tests of layouts, planes, lines and the search, to the seat.

use super::*;
use proptest::prelude::*;

#[test]
fn a_pair_counter_leaks_where_planes_do_not() {
    // One seat; A-B and B-C are sold, both are cancelled: A-C is 1 again.
    let layout = train(3, 1, 1);
    let layout = SeatLayout::new(layout.legs(), &ranges(&[1]), &ranges(&[1]), true).unwrap();
    let (a_b, b_c, a_c) = (journey(0, 1), journey(1, 2), journey(0, 2));
    let mut planes = Planes::free(&layout);
    assert_eq!(planes.count_free(a_c), 1);
    for (sold, left) in [(a_b, 0), (b_c, 0)] {
        let found = find(&layout, &planes, &line(&layout, sold, 1, Together::Any)).unwrap();
        planes.take(sold, &found).unwrap();
        assert_eq!(planes.count_free(a_c), left, "no pair has fewer than none");
    }
    let refused = find(&layout, &planes, &line(&layout, a_c, 1, Together::Any));
    assert_eq!(refused, Err(SeatRefusal::SoldOut { free: 0 }));
    planes.give_back(a_b, &[0]).unwrap();
    assert_eq!([a_b, b_c, a_c].map(|pair| planes.count_free(pair)), [1, 0, 0]);
    planes.give_back(b_c, &[0]).unwrap();
    assert_eq!([a_b, b_c, a_c].map(|pair| planes.count_free(pair)), [1, 1, 1]);
    assert_eq!(planes, Planes::free(&layout));
}

#[test]
fn a_seat_is_taken_once_on_each_leg_and_given_back_once() {
    let layout = train(4, 1, 8);
    let mut planes = Planes::free(&layout);
    planes.take(journey(1, 2), &[7]).unwrap();
    let before = planes.clone();
    let taken = SeatLegError::Taken { seat: 7, leg: 1 };
    assert_eq!(planes.take(journey(0, 3), &[3, 7]), Err(taken));
    assert_eq!(planes.take(journey(0, 1), &[3, 3]), Err(SeatLegError::Taken { seat: 3, leg: 0 }));
    let free = SeatLegError::Free { seat: 7, leg: 0 };
    assert_eq!(planes.give_back(journey(0, 2), &[7]), Err(free));
    let twice = SeatLegError::Free { seat: 7, leg: 1 };
    assert_eq!(planes.give_back(journey(1, 2), &[7, 7]), Err(twice));
    let unknown = SeatLegError::Unknown { seat: 40, leg: 0 };
    assert_eq!(planes.take(journey(0, 1), &[39, 40]), Err(unknown));
    let beyond = SeatLegError::Unknown { seat: 0, leg: 3 };
    assert_eq!(planes.take(journey(2, 4), &[0]), Err(beyond));
    assert_eq!(planes, before, "what fails changes nothing");
    assert_eq!(planes.free_on(journey(0, 4)), [0, 0], "there is no such journey");
}

#[test]
fn planes_are_big_endian_words_with_the_lowest_seat_as_the_lowest_bit() {
    let layout = SeatLayout::new(2, &ranges(&[40]), &ranges(&[40]), true).unwrap();
    let mut planes = Planes::free(&layout);
    assert_eq!(
        planes.to_bytes(),
        [255, 255, 255, 255, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 255]
    );
    planes.take(journey(1, 2), &[0, 9, 33]).unwrap();
    let bytes = planes.to_bytes();
    // Leg 1, so words 2 and 3: seat 0 is worth 1, seat 9 is worth 512, seat 33 is worth 2.
    assert_eq!(bytes[8..], [255, 255, 253, 254, 0, 0, 0, 253]);
    assert_eq!(Planes::from_bytes(&layout, &bytes), Ok(planes.clone()));
    let mut longer = bytes.clone();
    longer.push(0);
    let mut beyond = bytes.clone();
    beyond[12] = 1;
    for bad in [&bytes[..15], &longer, &beyond] {
        assert_eq!(Planes::from_bytes(&layout, bad), Err(SeatLegError::Bytes));
    }
    assert_eq!((planes.count_free(journey(0, 1)), planes.count_free(journey(0, 2))), (40, 37));
    assert_eq!(planes.most_free(), 40);
}

#[test]
fn a_layout_has_rows_and_coaches_without_gaps_within_its_bounds() {
    let new = |legs, rows: &[Range<u32>], coaches: &[Range<u32>], keeps_singles| {
        SeatLayout::new(legs, rows, coaches, keeps_singles)
    };
    let (rows, coach) = (ranges(&[3, 2]), ranges(&[5]));
    let layout = new(63, &rows, &coach, true).unwrap();
    assert_eq!((layout.seats(), layout.longest_row(), layout.joined()), (5, 3, &[0b01011][..]));
    assert!((0..5).map(|seat| layout.joins(seat)).eq([true, true, false, true, false]));
    assert_eq!(new(0, &rows, &coach, true), Err(SeatLayoutError::Legs));
    assert_eq!(new(64, &rows, &coach, true), Err(SeatLayoutError::Legs));
    assert_eq!(new(2, &rows, &coach, false), Err(SeatLayoutError::SingleRule));
    assert_eq!(new(1, &[0..3, 4..5], &coach, true), Err(SeatLayoutError::Gap(3)));
    assert_eq!(new(1, &[0..3, 2..5], &coach, true), Err(SeatLayoutError::Gap(3)));
    assert_eq!(new(1, &[0..3, 3..3], &coach, true), Err(SeatLayoutError::Gap(3)));
    assert_eq!(new(1, &rows, &ranges(&[4, 1]), true), Err(SeatLayoutError::Coach(4)));
    assert_eq!(new(1, &rows, &ranges(&[3]), true), Err(SeatLayoutError::Coach(5)));
    assert!(new(1, &rows, &ranges(&[3, 2]), true).is_ok());
    let largest = ranges(&[65_535, 1]);
    assert!(new(1, &largest, &largest, true).is_ok());
    assert_eq!(new(1, &ranges(&[65_535, 2]), &[], true), Err(SeatLayoutError::Seats));
    assert_eq!(SeatLayout::without_seats(1).map(|layout| layout.seats()), Ok(0));
}

#[test]
fn a_line_fits_to_its_class() {
    let layout = train(3, 1, 1);
    let new = |journey, quantity| SeatLine::new(0, &layout, journey, quantity, Together::Any);
    assert_eq!(new(journey(0, 2), 0), Err(SeatLineError::Quantity));
    assert_eq!(new(journey(0, 2), 1_001), Err(SeatLineError::Quantity));
    assert_eq!(new(journey(0, 3), 1), Err(SeatLineError::Journey));
    assert_eq!([(1, 1), (2, 1), (0, 64)].map(|(from, to)| Journey::new(from, to)), [None; 3]);
    let choosing = |claims: &[&[u32]]| {
        let claims = claims.iter().map(|seats| seats.to_vec()).collect();
        new(journey(0, 2), 2).unwrap().choosing(&layout, claims, false)
    };
    assert_eq!(choosing(&[&[4, 1]]).unwrap().candidates(), [[1, 4]]);
    assert_eq!(choosing(&[]), Err(SeatLineError::Candidates));
    assert!(choosing(&[&[0, 1][..]; 8]).is_ok());
    assert_eq!(choosing(&[&[0, 1][..]; 9]), Err(SeatLineError::Candidates));
    for bad in [&[1][..], &[1, 1], &[1, 2, 3], &[4, 5]] {
        assert_eq!(choosing(&[&[0, 1], bad]), Err(SeatLineError::Candidate), "{bad:?}");
    }
}

#[test]
fn a_journey_gets_the_seat_whose_gap_it_fills_then_one_beside_a_gap_then_any() {
    let layout = train(6, 1, 20);
    let mut planes = Planes::free(&layout);
    let find_one = |planes: &Planes, from, to| {
        find(&layout, planes, &line(&layout, journey(from, to), 1, Together::Any)).unwrap()[0]
    };
    assert_eq!(find_one(&planes, 1, 3), 0, "of equals the lowest number");
    assert_eq!(find_one(&planes, 0, 5), 0);
    planes.take(journey(0, 2), &[40]).unwrap();
    assert_eq!(find_one(&planes, 2, 4), 40, "one side is taken");
    assert_eq!(find_one(&planes, 2, 5), 40, "the end of the line counts as taken");
    assert_eq!(find_one(&planes, 3, 5), 0, "the end of the line is one side as well");
    planes.take(journey(0, 2), &[77]).unwrap();
    planes.take(journey(4, 5), &[77]).unwrap();
    assert_eq!(find_one(&planes, 2, 4), 77, "both sides, in another word");
    let pair = |planes: &Planes, from, to| {
        find(&layout, planes, &line(&layout, journey(from, to), 2, Together::Row)).unwrap()
    };
    planes.take(journey(0, 2), &[78, 79]).unwrap();
    planes.take(journey(4, 5), &[78, 79]).unwrap();
    assert_eq!(pair(&planes, 2, 4), [78, 79], "both sides of each; 77 is across the aisle");
    assert_eq!(pair(&planes, 2, 3), [78, 79], "one side of each");
}

#[test]
fn a_group_sits_in_one_row_in_one_coach_or_anywhere_as_it_asks() {
    // Two coaches of rows of 3 and 2.
    let layout = train(2, 2, 1);
    let mut planes = Planes::free(&layout);
    let find = |planes: &Planes, quantity, together| {
        find(&layout, planes, &line(&layout, Journey::HALL, quantity, together))
    };
    assert_eq!(find(&planes, 4, Together::Row), Err(SeatRefusal::NotTogether));
    assert_eq!(find(&planes, 4, Together::Coach), Ok(vec![0, 1, 2, 3]));
    assert_eq!(find(&planes, 6, Together::Coach), Err(SeatRefusal::NotTogether));
    assert_eq!(find(&planes, 6, Together::Any), Ok(vec![0, 1, 2, 5, 6, 7]), "rows of three");
    assert_eq!(find(&planes, 11, Together::Any), Err(SeatRefusal::SoldOut { free: 10 }));
    planes.take(Journey::HALL, &[1]).unwrap();
    assert_eq!(find(&planes, 4, Together::Coach), Ok(vec![5, 6, 7, 8]), "fewer pieces there");
    assert_eq!(find(&planes, 2, Together::Row), Ok(vec![3, 4]));
    assert_eq!(find(&planes, 9, Together::Any), Ok(vec![0, 2, 3, 4, 5, 6, 7, 8, 9]));
}

#[test]
fn a_chosen_seat_that_is_taken_is_named_with_the_nearest_instead() {
    let layout = train(3, 2, 10);
    let mut planes = Planes::free(&layout);
    let chosen = |planes: &Planes, claims: &[&[u32]], or_search| {
        let claims: Vec<_> = claims.iter().map(|seats| seats.to_vec()).collect();
        let line = line(&layout, journey(0, 2), claims[0].len() as u32, Together::Any);
        find(&layout, planes, &line.choosing(&layout, claims, or_search).unwrap())
    };
    let taken = |seat, nearest| Err(SeatRefusal::SeatTaken { seat, nearest });
    assert_eq!(chosen(&planes, &[&[31]], false), Ok(vec![31]));
    planes.take(journey(1, 2), &[30, 31, 32, 33]).unwrap();
    assert_eq!(chosen(&planes, &[&[31]], false), taken(31, Some(29)));
    assert_eq!(chosen(&planes, &[&[32]], false), taken(32, Some(34)));
    assert_eq!(chosen(&planes, &[&[29, 31]], false), taken(31, Some(28)));
    assert_eq!(chosen(&planes, &[&[31], &[33], &[99]], false), Ok(vec![99]), "the third claim");
    assert_eq!(chosen(&planes, &[&[31]], true), Ok(vec![0]), "or any");
    let all: Vec<u32> = (0..100).filter(|seat| planes.is_free(*seat, 1)).collect();
    planes.take(journey(1, 2), &all).unwrap();
    assert_eq!(chosen(&planes, &[&[99]], false), taken(99, None));
    planes.give_back(journey(1, 2), &[0]).unwrap();
    assert_eq!(chosen(&planes, &[&[99]], false), taken(99, Some(0)));
}

#[test]
fn a_run_is_found_across_words_and_in_rows_longer_than_one() {
    let layout = hall(1, 1, 200, true);
    let mut planes = Planes::free(&layout);
    planes.take(Journey::HALL, &[0, 20, 70, 171]).unwrap();
    for (quantity, first) in [(1, 1), (19, 1), (20, 21), (49, 21), (50, 71), (100, 71)] {
        let run: Vec<u32> = (first..first + quantity).collect();
        let line = line(&layout, Journey::HALL, quantity, Together::Row);
        assert_eq!(find(&layout, &planes, &line), Ok(run), "{quantity}");
    }
    let line = line(&layout, Journey::HALL, 101, Together::Row);
    assert_eq!(find(&layout, &planes, &line), Err(SeatRefusal::NotTogether));
}

proptest! {
    #[test]
    fn no_bytes_make_planes_with_seats_that_the_class_does_not_have(
        bytes in prop::collection::vec(any::<u8>(), 16..17),
    ) {
        let layout = SeatLayout::new(2, &ranges(&[40]), &ranges(&[40]), true).unwrap();
        match Planes::from_bytes(&layout, &bytes) {
            Ok(planes) => prop_assert_eq!(planes.to_bytes(), bytes),
            Err(error) => {
                prop_assert_eq!(error, SeatLegError::Bytes);
                prop_assert!([4, 5, 6, 12, 13, 14].iter().any(|at| bytes[*at] != 0));
            }
        }
    }
}
