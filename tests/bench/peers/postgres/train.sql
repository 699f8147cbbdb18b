\set first random(0, :legs - 1)
\set beyond random(:first + 1, :legs)
SELECT buy(:first, :beyond);
