//! Random lives of a class: whatever the search says, the model judges.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
struct Request {
    from: Index,
    to: Index,
    quantity: u32,
    together: Together,
    chosen: Vec<Vec<Index>>,
    searches: bool,
    /// Gives back an earlier claim instead, if there is one.
    gives_back: Option<Index>,
}

fn requests(count: usize, quantities: u32) -> impl Strategy<Value = Vec<Request>> {
    let together = prop_oneof![Just(Together::Row), Just(Together::Coach), Just(Together::Any)];
    let index = any::<Index>;
    let chosen = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(prop::collection::vec(index(), quantities as usize), 1..4),
    ];
    let gives_back = prop_oneof![3 => Just(None), 1 => index().prop_map(Some)];
    // Small groups are frequent.
    let quantity = prop_oneof![3 => 1..=3u32, 1 => 1..=quantities];
    let request = (index(), index(), quantity, together, chosen, any::<bool>(), gives_back);
    let request = request.prop_map(|parts| {
        let (from, to, quantity, together, chosen, searches, gives_back) = parts;
        Request { from, to, quantity, together, chosen, searches, gives_back }
    });
    prop::collection::vec(request, 1..count)
}

/// Rows of any lengths, some longer than a word, in coaches of some rows each.
fn layouts(legs: Range<usize>) -> impl Strategy<Value = SeatLayout> {
    let row = prop_oneof![6 => 1..6u32, 2 => 6..20u32, 1 => 30..70u32];
    let coaches = prop::collection::vec(prop::collection::vec(row, 1..6), 1..5);
    (legs, coaches, any::<bool>()).prop_map(|(legs, coaches, keeps_singles)| {
        let rows = ranges(&coaches.concat());
        let coaches: Vec<u32> = coaches.iter().map(|rows| rows.iter().sum()).collect();
        SeatLayout::new(legs, &rows, &ranges(&coaches), keeps_singles || legs > 1).unwrap()
    })
}

fn line_of(layout: &SeatLayout, request: &Request) -> SeatLine {
    let from = request.from.index(layout.legs());
    let to = from + 1 + request.to.index(layout.legs() - from);
    let line = line(layout, journey(from, to), request.quantity, request.together);
    if request.chosen.is_empty() || request.quantity > layout.seats() {
        return line;
    }
    let claim = |chosen: &Vec<Index>| {
        // Side by side, or here and there.
        let first = chosen[0].index(layout.seats() as usize) as u32;
        let step = 1 + chosen.get(1).map_or(0, |index| index.index(8) as u32 / 6);
        let mut seats = std::collections::BTreeSet::new();
        let mut seat = first;
        while seats.len() < request.quantity as usize {
            while !seats.insert(seat % layout.seats()) {
                seat += 1;
            }
            seat += step;
        }
        seats.into_iter().collect()
    };
    line.choosing(layout, request.chosen.iter().map(claim).collect(), request.searches).unwrap()
}

/// Plays the requests and holds every answer and every plane against the model.
fn play(layout: &SeatLayout, requests: &[Request]) -> Result<(), TestCaseError> {
    let (mut planes, mut model) = (Planes::free(layout), SeatModel::new(layout));
    let mut claims: Vec<(Journey, Vec<u32>)> = Vec::new();
    for request in requests {
        if let Some(index) = request.gives_back.as_ref().filter(|_| !claims.is_empty()) {
            let (journey, seats) = claims.swap_remove(index.index(claims.len()));
            prop_assert_eq!(planes.give_back(journey, &seats), Ok(()));
            prop_assert_eq!(model.give_back(journey, &seats), Ok(()));
            continue;
        }
        let line = line_of(layout, request);
        let said = find(layout, &planes, &line);
        if let Err(wrong) = model.judge(&line, &said) {
            let taken = model.taken();
            return Err(TestCaseError::fail(format!("{wrong}: {line:?} {said:?} {taken:?}")));
        }
        prop_assert_eq!(planes.count_free(line.journey()), model.count_free(line.journey()));
        if let Ok(seats) = said {
            prop_assert_eq!(planes.take(line.journey(), &seats), Ok(()));
            prop_assert_eq!(model.take(line.journey(), &seats), Ok(()));
            claims.push((line.journey(), seats));
        }
    }
    let taken = |seat: u32| (0..layout.legs()).map(move |leg| (seat, leg));
    let taken = (0..layout.seats()).flat_map(taken);
    let taken: std::collections::BTreeSet<_> =
        taken.filter(|(seat, leg)| !planes.is_free(*seat, *leg)).collect();
    prop_assert_eq!(&taken, model.taken());
    prop_assert_eq!(&Planes::from_bytes(layout, &planes.to_bytes()), &Ok(planes.clone()));
    for (journey, seats) in claims {
        prop_assert_eq!(planes.give_back(journey, &seats), Ok(()));
    }
    prop_assert_eq!(planes, Planes::free(layout));
    Ok(())
}

proptest! {
    #[test]
    fn every_answer_of_a_train_is_the_one_that_plain_sets_give(
        layout in layouts(2..7), requests in requests(60, 8),
    ) {
        play(&layout, &requests)?;
    }

    #[test]
    fn every_answer_of_a_hall_is_the_one_that_plain_sets_give(
        layout in layouts(1..2), requests in requests(60, 8),
    ) {
        play(&layout, &requests)?;
    }

    #[test]
    fn large_groups_are_placed_as_plain_sets_allow(
        layout in layouts(1..4), requests in requests(12, 60),
    ) {
        play(&layout, &requests)?;
    }
}
