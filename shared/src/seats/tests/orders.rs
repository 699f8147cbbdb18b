//! Orders of several lines and quotas: all or nothing, and never more than a quota.

use super::*;
use proptest::prelude::*;

const LEGS: usize = 3;

/// Two classes with seats, and places without; a quota of the places, one of two classes together,
/// and one of everything.
fn book() -> SeatBook {
    let second = SeatLayout::new(LEGS, &ranges(&[3, 2, 3, 2]), &ranges(&[5, 5]), true).unwrap();
    let first = SeatLayout::new(LEGS, &ranges(&[2, 1]), &ranges(&[3]), true).unwrap();
    let places = SeatLayout::without_seats(LEGS).unwrap();
    let quotas =
        vec![SeatQuota::new(4, &[2]), SeatQuota::new(5, &[1, 2]), SeatQuota::new(14, &[0, 1, 2])];
    SeatBook::new(vec![second, first, places], quotas).unwrap()
}

const QUOTAS: [(u32, &[usize]); 3] = [(4, &[2]), (5, &[1, 2]), (14, &[0, 1, 2])];

fn line_of(book: &SeatBook, class: usize, journey: Journey, quantity: u32) -> SeatLine {
    SeatLine::new(class, book.layout(class).unwrap(), journey, quantity, Together::Any).unwrap()
}

/// Recounts everything that a book says from the claims that are out.
fn recount(book: &SeatBook, claims: &[SeatClaim]) -> Result<(), TestCaseError> {
    for (number, (size, classes)) in QUOTAS.iter().enumerate() {
        for leg in 0..LEGS {
            let counted = claims.iter().filter(|claim| {
                classes.contains(&claim.class) && claim.journey.legs().contains(&leg)
            });
            let used: u32 = counted.map(|claim| claim.quantity).sum();
            prop_assert_eq!(book.quotas()[number].used(leg), used);
            prop_assert!(used <= *size, "quota {} has {} of {}", number, used, size);
        }
    }
    for class in 0..3 {
        let mut model = SeatModel::new(book.layout(class).unwrap());
        for claim in claims.iter().filter(|claim| claim.class == class) {
            prop_assert_eq!(model.take(claim.journey, &claim.seats), Ok(()), "nobody has it twice");
        }
        for journey in journeys(LEGS) {
            let free = book.planes(class).unwrap().count_free(journey);
            prop_assert_eq!(free, model.count_free(journey));
        }
    }
    Ok(())
}

/// Places that the quotas leave a class on a journey.
fn quotas_leave(book: &SeatBook, class: usize, journey: Journey) -> u32 {
    let mine = QUOTAS.iter().enumerate().filter(|(_, (_, classes))| classes.contains(&class));
    mine.map(|(number, _)| book.quotas()[number].left(journey)).min().unwrap()
}

type Asked = Vec<(usize, usize, u32)>;

fn orders() -> impl Strategy<Value = Vec<(Asked, Option<prop::sample::Index>)>> {
    let line = (0..3usize, 0..6usize, 1..4u32);
    let lines = prop_oneof![3 => prop::collection::vec(line.clone(), 1..3),
        1 => prop::collection::vec(line, 3..9)];
    let gives_back = prop_oneof![2 => Just(None),
        1 => any::<prop::sample::Index>().prop_map(Some)];
    prop::collection::vec((lines, gives_back), 1..30)
}

proptest! {
    #[test]
    fn an_order_gets_all_its_lines_or_nothing_and_quotas_are_kept(orders in orders()) {
        let mut book = book();
        let mut out: Vec<Vec<SeatClaim>> = Vec::new();
        for (asked, gives_back) in orders {
            let before = book.clone();
            if let Some(index) = gives_back.filter(|_| !out.is_empty()) {
                let claims = out.swap_remove(index.index(out.len()));
                prop_assert_eq!(book.give_back(&claims), Ok(()));
                // Places have no numbers, so that only their count says whether one is out.
                if claims.iter().any(|claim| !claim.seats.is_empty()) {
                    prop_assert!(book.give_back(&claims).is_err(), "what is back cannot come back");
                }
                recount(&book, &out.concat())?;
                continue;
            }
            let all = journeys(LEGS);
            let lines: Vec<SeatLine> = asked
                .iter()
                .map(|(class, at, quantity)| line_of(&book, *class, all[*at], *quantity))
                .collect();
            match book.place(&lines).unwrap() {
                Ok(claims) => {
                    prop_assert_eq!(claims.len(), lines.len());
                    for (line, claim) in lines.iter().zip(&claims) {
                        let got = (claim.class, claim.journey, claim.quantity);
                        prop_assert_eq!(got, (line.class(), line.journey(), line.quantity()));
                    }
                    out.push(claims);
                    recount(&book, &out.concat())?;
                }
                Err(refused) => {
                    prop_assert_eq!(&book, &before, "a refused order changes nothing");
                    if let [line] = lines.as_slice() {
                        let planes = book.planes(line.class()).unwrap();
                        let mut free = quotas_leave(&book, line.class(), line.journey());
                        if line.class() < 2 {
                            free = free.min(planes.count_free(line.journey()));
                        }
                        prop_assert!(free < line.quantity());
                        let refusal = SeatRefusal::SoldOut { free };
                        prop_assert_eq!(refused, SeatLineRefusal { line: 0, refusal });
                    }
                }
            }
        }
    }
}

#[test]
fn the_lines_of_an_order_see_the_claims_of_each_other() {
    let mut book = book();
    let all = journey(0, 3);
    let pair = line_of(&book, 1, all, 2);
    let refused = book.place(&[pair.clone(), pair.clone()]).unwrap();
    let refusal = SeatRefusal::SoldOut { free: 1 };
    assert_eq!(refused, Err(SeatLineRefusal { line: 1, refusal }));
    let one = line_of(&book, 1, all, 1);
    let claims = book.place(&[pair, one]).unwrap().unwrap();
    assert_eq!([&claims[0].seats[..], &claims[1].seats[..]], [&[0, 1][..], &[2]]);
}

#[test]
fn a_line_does_not_take_the_seat_that_another_one_of_the_order_has_chosen() {
    for or_search in [false, true] {
        let mut book = book();
        let any = line_of(&book, 1, journey(0, 3), 1);
        let layout = book.layout(1).unwrap().clone();
        let chosen =
            line_of(&book, 1, journey(1, 3), 1).choosing(&layout, vec![vec![0]], or_search);
        let claims = book.place(&[any, chosen.unwrap()]).unwrap().unwrap();
        assert_eq!([&claims[0].seats[..], &claims[1].seats[..]], [&[1][..], &[0]]);
    }
}

#[test]
fn a_quota_of_several_classes_bounds_them_together_on_each_leg() {
    let mut book = book();
    let (near, far) = (journey(0, 1), journey(1, 3));
    let order = [line_of(&book, 1, near, 3), line_of(&book, 2, near, 2)];
    book.place(&order).unwrap().unwrap();
    let one_more = line_of(&book, 2, near, 1);
    let refusal = SeatRefusal::SoldOut { free: 0 };
    let refused = book.place(&[line_of(&book, 2, far, 4), one_more.clone()]).unwrap();
    assert_eq!(refused, Err(SeatLineRefusal { line: 1, refusal }));
    let claims = book.place(&[line_of(&book, 2, far, 4)]).unwrap().unwrap();
    assert_eq!((claims[0].quantity, claims[0].seats.len()), (4, 0), "places have no numbers");
    assert_eq!(book.quotas()[0].left(journey(0, 3)), 0);
    book.give_back(&claims).unwrap();
    assert_eq!(book.quotas()[0].left(journey(1, 3)), 4);
}

#[test]
fn claims_are_taken_exactly_as_a_record_names_them_or_not_at_all() {
    let mut book = book();
    let claim = |class, seats: &[u32]| SeatClaim {
        class,
        journey: journey(0, 2),
        quantity: seats.len() as u32,
        seats: seats.to_vec(),
    };
    book.take(&[claim(0, &[3, 7]), claim(1, &[2])]).unwrap();
    let before = book.clone();
    let taken = SeatLegError::Taken { seat: 7, leg: 0 };
    assert_eq!(book.take(&[claim(1, &[0]), claim(0, &[7])]), Err(taken.into()));
    let free = SeatLegError::Free { seat: 0, leg: 0 };
    assert_eq!(book.give_back(&[claim(0, &[3]), claim(1, &[0])]), Err(free.into()));
    assert_eq!(book.take(&[claim(3, &[0])]), Err(SeatBookError::Lines), "no such class");
    let wrong = SeatClaim { quantity: 2, ..claim(0, &[0]) };
    assert_eq!(book.take(&[wrong]), Err(SeatBookError::Lines), "two places, one seat");
    let places = SeatClaim { quantity: 5, ..claim(2, &[]) };
    assert_eq!(book.take(&[places]), Err(SeatBookError::Quota { quota: 0, leg: 0 }));
    assert_eq!(book, before, "what fails changes nothing");
}

#[test]
fn a_sale_has_classes_of_as_many_legs_each_bounded_by_seats_or_a_quota() {
    let seated = |legs, seats| SeatLayout::new(legs, &ranges(&[seats]), &ranges(&[seats]), true);
    let seated = |legs, seats| seated(legs, seats).unwrap();
    let places = SeatLayout::without_seats(2).unwrap();
    let new = |classes: &[&SeatLayout], quotas: &[SeatQuota]| {
        SeatBook::new(classes.iter().map(|class| (*class).clone()).collect(), quotas.to_vec())
            .map(|_| ())
    };
    assert_eq!(new(&[], &[]), Err(SeatBookError::Classes));
    assert_eq!(new(&[&seated(2, 4), &seated(3, 4)], &[]), Err(SeatBookError::Classes));
    let many = vec![&places; 65];
    assert_eq!(new(&many, &[]), Err(SeatBookError::Classes));
    let (half, more) = (seated(2, 32_768), seated(2, 32_769));
    assert_eq!(new(&[&half, &half], &[]), Ok(()));
    assert_eq!(new(&[&half, &more], &[]), Err(SeatBookError::Seats));
    assert_eq!(new(&[&half, &places], &[]), Err(SeatBookError::Unbounded(1)));
    let quota = |class: usize| SeatQuota::new(9, &[class]);
    assert_eq!(new(&[&half, &places], &[quota(1)]), Ok(()));
    assert_eq!(new(&[&half], &[quota(1)]), Err(SeatBookError::Quotas));
    assert_eq!(new(&[&half], &[SeatQuota::new(9, &[])]), Err(SeatBookError::Quotas));
    assert_eq!(new(&[&half], &vec![quota(0); 128]), Ok(()));
    assert_eq!(new(&[&half], &vec![quota(0); 129]), Err(SeatBookError::Quotas));
    let mut book = book();
    let line = line_of(&book, 0, journey(0, 1), 1);
    assert_eq!(book.place(&[]), Err(SeatBookError::Lines));
    assert_eq!(book.place(&vec![line.clone(); 9]), Err(SeatBookError::Lines));
    assert!(book.place(&vec![line; 8]).unwrap().is_ok());
    let layout = train(2, 1, 4);
    let unknown = SeatLine::new(3, &layout, journey(0, 1), 1, Together::Any).unwrap();
    assert_eq!(book.place(&[unknown]), Err(SeatBookError::Lines));
    let foreign = SeatLine::new(0, &layout, journey(0, 1), 1, Together::Any).unwrap();
    let foreign = foreign.choosing(&layout, vec![vec![19]], false).unwrap();
    assert_eq!(book.place(&[foreign]), Err(SeatBookError::Lines), "class 0 has no seat 19");
}
