-- Rows that are wrong: orders that do not have exactly their seat and legs, and seat-legs of no order. Then how many
-- orders and seat-legs were sold.
SELECT
    (SELECT count(*) FROM orders WHERE (
        SELECT count(*) FROM seat_legs
        WHERE order_id = orders.id AND seat_legs.seat = orders.seat
          AND leg >= from_leg AND leg < to_leg) <> to_leg - from_leg)
    + (SELECT count(*) FROM seat_legs LEFT JOIN orders ON orders.id = order_id
       WHERE order_id IS NOT NULL AND (orders.id IS NULL OR orders.seat <> seat_legs.seat)),
    (SELECT count(*) FROM orders),
    (SELECT count(*) FROM seat_legs WHERE order_id IS NOT NULL);
