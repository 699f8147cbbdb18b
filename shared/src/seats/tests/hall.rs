//! A hall sold to the last seat: single seats are left only where there is no other way.

use super::*;

/// What a sale to the last seat has seen.
#[derive(Debug, Default)]
struct Sale {
    /// Orders that left a single seat.
    left_singles: u32,
    /// Of these, orders that could have been served without.
    avoidable: u32,
    orders: u32,
}

/// Groups of 1 to 6 come, first for one row, then for any seats, until each free seat is sold.
fn sell_out(layout: &SeatLayout, seed: u64) -> Sale {
    let (mut dice, mut sale) = (Dice(seed), Sale::default());
    let (mut planes, mut model) = (Planes::free(layout), SeatModel::new(layout));
    while planes.most_free() > 0 {
        // Towards the end those come who are content with what is left: singles too.
        let quantity = 1 + dice.roll(6) as u32;
        let asks = [Together::Row, Together::Any];
        let answer = asks.into_iter().find_map(|together| {
            let line = line(layout, Journey::HALL, quantity, together);
            find(layout, &planes, &line).ok().map(|seats| (line, seats))
        });
        let Some((line, seats)) = answer else {
            assert!(planes.most_free() < quantity, "{quantity} seats are there and refused");
            continue;
        };
        if !model.singles_left(Journey::HALL, &seats).is_empty() {
            sale.left_singles += 1;
            sale.avoidable += u32::from(model.can_avoid_singles(&line));
        }
        sale.orders += 1;
        planes.take(Journey::HALL, &seats).unwrap();
        model.take(Journey::HALL, &seats).unwrap();
    }
    assert_eq!(model.taken().len(), layout.seats() as usize, "each seat is sold");
    sale
}

#[test]
fn a_hall_is_sold_to_the_last_seat_and_leaves_no_single_seat_that_could_be_avoided() {
    for (seed, layout) in [
        hall(2, 10, 20, false),
        hall(1, 12, 7, false),
        hall(3, 8, 9, false),
        hall(1, 4, 50, false),
        hall(4, 20, 5, false),
        hall(2, 30, 2, false),
    ]
    .iter()
    .enumerate()
    {
        let sale = sell_out(layout, seed as u64);
        assert_eq!(sale.avoidable, 0, "{sale:?} in hall {seed}");
    }
}

#[test]
fn without_the_rule_a_hall_leaves_single_seats_that_could_have_been_avoided() {
    let sale = sell_out(&hall(2, 10, 20, true), 0);
    let by_rule = |line: &SeatLayout| sell_out(line, 0).left_singles;
    let with_rule = by_rule(&hall(2, 10, 20, false));
    assert!(sale.left_singles > 2 * with_rule, "{sale:?}, and {with_rule} with the rule");
}

/// A row of ten of which these are taken.
fn row_of_ten(taken: &[u32]) -> (SeatLayout, Planes) {
    let layout = hall(1, 1, 10, false);
    let mut planes = Planes::free(&layout);
    planes.take(Journey::HALL, taken).unwrap();
    (layout, planes)
}

#[test]
fn a_group_takes_the_first_gap_in_which_it_leaves_no_single_seat_or_else_the_first() {
    let found = |taken: &[u32], quantity| {
        let (layout, planes) = row_of_ten(taken);
        find(&layout, &planes, &line(&layout, Journey::HALL, quantity, Together::Row))
    };
    assert_eq!(found(&[4, 7], 2), Ok(vec![0, 1]), "two of four leave two");
    assert_eq!(found(&[3, 6], 2), Ok(vec![4, 5]), "two of three would leave one");
    assert_eq!(found(&[4, 7], 3), Ok(vec![0, 1, 2]), "three of four is all there is");
    assert_eq!(found(&[5], 4), Ok(vec![6, 7, 8, 9]));
    assert_eq!(found(&[2, 3], 1), Ok(vec![4]), "two at the begin would leave one");
    assert_eq!(found(&[2, 5, 8], 1), Ok(vec![9]));
    assert_eq!(found(&[2, 5, 8, 9], 1), Ok(vec![0]), "pairs are all there is");
    assert_eq!(found(&[2, 5, 8], 3), Err(SeatRefusal::NotTogether));
}

#[test]
fn a_chosen_claim_that_leaves_a_single_seat_is_refused_while_there_are_others() {
    let (layout, mut planes) = row_of_ten(&[0]);
    let chosen = |planes: &Planes, seats: &[u32], or_search| {
        let line = line(&layout, Journey::HALL, seats.len() as u32, Together::Row);
        find(&layout, planes, &line.choosing(&layout, vec![seats.to_vec()], or_search).unwrap())
    };
    let instead = vec![1, 2];
    assert_eq!(
        chosen(&planes, &[2, 3], false),
        Err(SeatRefusal::LeavesSingle { seat: 1, instead: instead.clone() })
    );
    assert_eq!(chosen(&planes, &[2, 3], true), Ok(instead));
    assert_eq!(chosen(&planes, &[3, 4], false), Ok(vec![3, 4]));
    // Of 1, 2, 3 two cannot be had without leaving the third.
    planes.take(Journey::HALL, &[4, 5, 6, 7, 8, 9]).unwrap();
    assert_eq!(chosen(&planes, &[2, 3], false), Ok(vec![2, 3]));
}

#[test]
fn a_group_is_split_so_that_no_single_seat_is_left_and_over_as_few_rows_as_that_allows() {
    // Rows of 3, 2, 2 and of 5: three places that a group of 4 could have.
    let layout = SeatLayout::new(1, &ranges(&[3, 2, 2, 5]), &ranges(&[7, 5]), false).unwrap();
    let mut planes = Planes::free(&layout);
    let split = |planes: &Planes, together| {
        find(&layout, planes, &line(&layout, Journey::HALL, 4, together))
    };
    assert_eq!(split(&planes, Together::Row), Ok(vec![7, 8, 9, 10]), "only there, with one left");
    assert_eq!(split(&planes, Together::Any), Ok(vec![3, 4, 5, 6]), "not 3 and 1 of a pair");
    planes.take(Journey::HALL, &[3, 4]).unwrap();
    assert_eq!(split(&planes, Together::Coach), Ok(vec![7, 8, 9, 10]), "there is no other way");
    assert_eq!(split(&planes, Together::Any), Ok(vec![0, 1, 2, 7]), "over two blocks there is");
}

#[test]
fn each_seat_of_a_group_may_come_from_another_row_where_all_rows_are_alike() {
    let layout = hall(1, 2, 3, false);
    let pair = line(&layout, Journey::HALL, 2, Together::Any);
    let planes = Planes::free(&layout);
    assert_eq!(find(&layout, &planes, &pair), Ok(vec![0, 3]), "two of three leave one");
    let row = line(&layout, Journey::HALL, 2, Together::Row);
    assert_eq!(find(&layout, &planes, &row), Ok(vec![0, 1]), "who sits together leaves it");
}
