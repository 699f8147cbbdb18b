-- PostgreSQL as a user would sell seats with it: a row a seat and leg, FOR UPDATE SKIP LOCKED.
-- Run with psql -v seats=1230 -v legs=29; a hall has one leg.

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seat int NOT NULL,
    from_leg int NOT NULL,
    to_leg int NOT NULL
);

CREATE TABLE seat_legs (
    seat int NOT NULL,
    leg int NOT NULL,
    order_id bigint REFERENCES orders,
    PRIMARY KEY (seat, leg)
);

INSERT INTO seat_legs (seat, leg)
SELECT seat, leg FROM generate_series(0, :seats - 1) AS seat, generate_series(0, :legs - 1) AS leg;

CREATE INDEX free_seat_legs ON seat_legs (leg, seat) WHERE order_id IS NULL;
ANALYZE seat_legs;

-- One seat on the legs from_leg to before to_leg: the lowest that is free on all of them and that nobody else is taking
-- now. The row of the first leg is the lock of the seat for this journey; an order for later legs of the same seat that
-- began earlier shows in the count of rows, and then another seat is tried.
CREATE FUNCTION buy(wanted_from int, wanted_to int) RETURNS int LANGUAGE plpgsql
-- Seat after seat by its index, until one is free: the planner would compare whole legs, which takes ten times as long.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off
AS $$
DECLARE
    found_seat int;
    new_order bigint;
    taken int;
BEGIN
    LOOP
        SELECT first.seat INTO found_seat
        FROM seat_legs AS first
        WHERE first.leg = wanted_from AND first.order_id IS NULL
          AND NOT EXISTS (
              SELECT FROM seat_legs AS later
              WHERE later.seat = first.seat AND later.leg > wanted_from AND later.leg < wanted_to
                AND later.order_id IS NOT NULL)
        ORDER BY first.seat
        LIMIT 1
        FOR UPDATE OF first SKIP LOCKED;
        IF found_seat IS NULL THEN
            RETURN NULL;
        END IF;
        INSERT INTO orders (seat, from_leg, to_leg) VALUES (found_seat, wanted_from, wanted_to)
        RETURNING id INTO new_order;
        UPDATE seat_legs SET order_id = new_order
        WHERE seat = found_seat AND leg >= wanted_from AND leg < wanted_to AND order_id IS NULL;
        GET DIAGNOSTICS taken = ROW_COUNT;
        IF taken = wanted_to - wanted_from THEN
            RETURN found_seat;
        END IF;
        UPDATE seat_legs SET order_id = NULL WHERE order_id = new_order;
        DELETE FROM orders WHERE id = new_order;
    END LOOP;
END
$$;
