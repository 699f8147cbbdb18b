#!/usr/bin/env bash
# A shop's day with lastseat, scripted with curl and the command line alone.
#
#   make up                        in one terminal
#   docs/examples/shop-day.sh      in another one; takes about half a minute
#
# Where things are comes from the environment, or else from the cluster that runs here:
#   LASTSEAT              the program                     target/release/lastseat, or from PATH
#   LASTSEAT_DATA_DIR     the cluster's directory         .lastseat
#   LASTSEAT_URL          where buyers go                 its first edge, or else its first node (with --insecure-direct)
#   LASTSEAT_ADMIN_URL    where operators go              the admin address of its first node
#   LASTSEAT_ADMIN_TOKEN  opens the operators' calls      its own
#   LASTSEAT_SHOP_TOKEN   opens the shop's call           its own
#   BUYERS, TICKETS       how many                        10000 for 5000
# The program finds the nodes by LASTSEAT_DATA_DIR, or by LASTSEAT_SERVER with LASTSEAT_ADMIN_TOKEN.
set -euo pipefail

# --- where things are -------------------------------------------------------------------------------

BUYERS=${BUYERS:-10000} TICKETS=${TICKETS:-5000}
export LASTSEAT_DATA_DIR=${LASTSEAT_DATA_DIR:-.lastseat}
if [ -z "${LASTSEAT:-}" ]; then
    LASTSEAT=$(dirname "$0")/../../target/release/lastseat
    [ -x "$LASTSEAT" ] || LASTSEAT=lastseat
fi
roster=$(cat "$LASTSEAT_DATA_DIR/cluster.json" 2>/dev/null || true)
# The first text in cluster.json that follows the pattern $1.
from_roster() { sed -n "s|.*$1\"\([^\"]*\)\".*|\1|p" <<<"$roster" | head -1; }
node=$(sed 's|.*"nodes":\[||; s|}.*||' <<<"$roster" | sed -n 's|.*"url":"\([^"]*\)".*|\1|p')
admin=$(sed 's|.*"nodes":\[||; s|}.*||' <<<"$roster" | sed -n 's|.*"admin":"\([^"]*\)".*|\1|p')
edge=$(sed 's|.*"edges":\[||; s|}.*||' <<<"$roster" | sed -n 's|.*"url":"\([^"]*\)".*|\1|p')
URL=${LASTSEAT_URL:-${edge:-$node}}
ADMIN_URL=${LASTSEAT_ADMIN_URL:-$admin}
ADMIN_TOKEN=${LASTSEAT_ADMIN_TOKEN:-$(from_roster '"admin_token":')}
SHOP_TOKEN=${LASTSEAT_SHOP_TOKEN:-$(from_roster '"shop_token":')}
if [ -z "$URL" ] || [ -z "$ADMIN_URL" ]; then
    echo "no cluster runs in $LASTSEAT_DATA_DIR: start one with 'make up', or set LASTSEAT_URL and the others" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Order ids are capabilities: whoever knows one may read the order, and cancel it while it is not paid. So they begin
# with chance.
RUN=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
SALE=day-${RUN:0:8}

# --- words of this script ---------------------------------------------------------------------------

step() { printf '\n== %s\n' "$*"; }
fail() {
    echo "shop-day: $*" >&2
    exit 1
}

# A number of the sale, as the operator sees it: capacity, free, held, confirmed.
number() { "$LASTSEAT" sale show "$SALE" --json | sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
# expect NAME VALUE: such a number is what it should be.
expect() {
    local value
    value=$(number "$1")
    [ "$value" = "$2" ] || fail "$1 is $value, not $2"
}

# Recounts everything. Exit code 0 = all agrees, 1 = differences, 2 = could not check.
audit_is_clean() {
    "$LASTSEAT" audit "$SALE" >"$work/audit" 2>&1 || fail "the audit: $(cat "$work/audit")"
    echo "   audit: clean; $(number free) free, $(number held) held, $(number confirmed) confirmed"
}

# call STATUS WORD METHOD PATH [curl flags]: the answer has this status and contains this word. An edge may
# know news a second late, and a busy one asks to come back: so it is asked again for some seconds.
call() {
    local status=$1 word=$2 method=$3 path=$4 got tries
    shift 4
    for tries in {1..40}; do
        got=$(curl -sS -o "$work/answer" -w '%{http_code}' -X "$method" "$@" "$URL$path") || true
        if [ "$got" = "$status" ] && grep -q -- "$word" "$work/answer"; then
            echo "   $method $path: $status $word"
            return
        fi
        sleep 0.25
    done
    fail "$method $path answered $got after $tries tries, not $status with $word: $(cat "$work/answer")"
}
# buy STATUS WORD ORDER BUYER QUANTITY
buy() {
    call "$1" "$2" POST "/v1/sales/$SALE/orders" -H "idempotency-key: $3" \
        -H 'content-type: application/json' -d "{\"buyer\":\"$4\",\"quantity\":$5}"
}
# pay STATUS WORD ORDER: the shop says that the payment came.
pay() {
    call "$1" "$2" POST "/v1/sales/$SALE/orders/$3/confirm" -H "authorization: Bearer $SHOP_TOKEN"
}

# crowd WHAT: all the orders on stdin, one id a line, at once; WHAT is buy, pay or cancel. Prints how often
# each status came. One curl for all of them: a process each would take longer than the sale. curl repeats
# what was answered with "busy" (429), and may, because an order id means the same order for ever.
crowd() {
    awk -v what="$1" -v base="$URL/v1/sales/$SALE/orders" -v token="$SHOP_TOKEN" '{
        if (NR > 1) print "next"
        print "silent\nrequest = POST\nretry = 20"
        print "write-out = \"\\n%{http_code}\\n\""
        if (what == "buy") {
            print "url = " base
            print "header = \"idempotency-key: " $1 "\""
            print "header = \"content-type: application/json\""
            print "data = \"{\\\"buyer\\\":\\\"buyer-of-" $1 "\\\"}\""
        } else if (what == "pay") {
            print "url = " base "/" $1 "/confirm"
            print "header = \"authorization: Bearer " token "\""
        } else {
            print "url = " base "/" $1 "/cancel"
        }
    }' >"$work/crowd"
    # All to stdout, where a status has a line of its own: with `output = /dev/null` curl fails before a repeat,
    # because it cannot truncate that.
    curl --parallel --parallel-max 100 --config "$work/crowd" >"$work/answers" 2>"$work/errors" || true
    grep -x '[0-9][0-9][0-9]' "$work/answers" >"$work/statuses" || true
    sort "$work/statuses" | uniq -c | awk '{ printf "   %d times %s\n", $1, $2 }'
}
# came COUNT STATUS: of the last crowd, so many got that status.
came() {
    local count
    count=$(grep -c "^$2\$" "$work/statuses" || true)
    [ "$count" = "$1" ] || fail "$count of the crowd got $2, not $1; the last answers: $(tail -c 500 "$work/answers")"
}
# orders NAME COUNT: that many order ids.
orders() { seq -f "$RUN-$1-%06.0f" "$2"; }
# The orders of all events of one type so far.
orders_that_were() {
    "$LASTSEAT" orders export "$SALE" | grep "\"type\":\"$1\"" |
        sed -n 's/.*"order_id":"\([^"]*\)".*/\1/p'
}

# --- the day ----------------------------------------------------------------------------------------

step "morning: $TICKETS tickets are scheduled to be sold in three seconds"
"$LASTSEAT" sale create "$SALE" --capacity "$TICKETS" --opens-at +3s --hold 10m --buyer-limit 2
audit_is_clean

step "somebody is too early"
buy 409 not_open "$RUN-early" early 1
audit_is_clean

step "the sale opens by itself, by the ledger's clock"
call 200 '"state":"open"' GET "/v1/sales/$SALE"

step "$BUYERS buyers come"
orders crowd "$BUYERS" | crowd buy
came "$TICKETS" 201
came $((BUYERS - TICKETS)) 409
expect free 0
expect held "$TICKETS"
audit_is_clean
orders_that_were held >"$work/holders"

PAID=$((TICKETS * 3 / 5)) RETURNED=$((TICKETS / 5))

step "the shop reports $PAID payments"
head -n "$PAID" "$work/holders" | crowd pay
came "$PAID" 200
expect confirmed "$PAID"
pay 200 confirmed "$(head -1 "$work/holders")" # Reported twice: the same answer, and nothing changes.
expect confirmed "$PAID"
audit_is_clean

step "$RETURNED buyers give their tickets back"
tail -n "$RETURNED" "$work/holders" | crowd cancel
came "$RETURNED" 200
expect free "$RETURNED"
audit_is_clean

step "who comes from now on has three seconds to pay; ann, ben and 100 others do not"
"$LASTSEAT" sale set "$SALE" --hold 3s >/dev/null
buy 201 held "$RUN-ann-000001" ann 2
buy 409 buyer_limit "$RUN-ann-000002" ann 1 # Two is all that one buyer may have.
buy 201 held "$RUN-ben-000001" ben 2
orders slow 100 | crowd buy
came 100 201
audit_is_clean
call 200 '"state":"expired"' GET "/v1/sales/$SALE/orders/$RUN-ben-000001"
sleep 3 # The last of the 100 came after him.
expect free "$RETURNED" # Everything that was not paid is for sale again.
audit_is_clean

step "ann's payment comes late, but there are tickets: she gets hers again"
pay 200 confirmed "$RUN-ann-000001"
expect free $((RETURNED - 2))
audit_is_clean

step "part of the hall is closed off: fewer tickets, but never fewer than are taken"
if "$LASTSEAT" sale restock "$SALE" --capacity 10 2>"$work/refusal"; then fail "tickets were taken away"; fi
sed 's/^/   /' "$work/refusal"
"$LASTSEAT" sale restock "$SALE" --add "-$((RETURNED - 2))" >/dev/null
expect free 0
audit_is_clean

step "ben's payment comes late, and there is nothing left: the shop has to refund"
pay 410 hold_expired "$RUN-ben-000001"
audit_is_clean

step "more tickets: ben stays refused, because by now he may have his money back"
"$LASTSEAT" sale restock "$SALE" --add 500 >/dev/null
pay 410 hold_expired "$RUN-ben-000001"
buy 201 held "$RUN-cyd-000001" cyd 1
pay 200 confirmed "$RUN-cyd-000001"
expect free 499
audit_is_clean

step "pause (with curl, as an operator's own tool would): no new orders, but payments count"
curl -sS -o "$work/answer" -X POST -H "authorization: Bearer $ADMIN_TOKEN" \
    "$ADMIN_URL/v1/admin/sales/$SALE/pause"
grep -q '"state":"paused"' "$work/answer" || fail "the pause: $(cat "$work/answer")"
buy 409 paused "$RUN-dan-000001" dan 1
pay 200 confirmed "$(sed -n "$((PAID + 1))p" "$work/holders")"
audit_is_clean

step "on it goes"
"$LASTSEAT" sale open "$SALE" >/dev/null
buy 201 held "$RUN-dan-000001" dan 1
pay 200 confirmed "$RUN-dan-000001"
audit_is_clean

step "evening: the sale closes; who has a hold can still pay"
"$LASTSEAT" sale close "$SALE" >/dev/null
buy 410 closed "$RUN-eve-000001" eve 1
pay 200 confirmed "$(sed -n "$((PAID + 2))p" "$work/holders")"
audit_is_clean

step "the books: every change of the day, in order, without a gap"
"$LASTSEAT" orders export "$SALE" >"$work/events.ndjson"
sed -n 's/.*"type":"\([a-z_]*\)".*/\1/p' "$work/events.ndjson" | sort | uniq -c | sed 's/^/ /'
last=$(sed -n 's/.*"commit_seq":\([0-9]*\).*/\1/p' "$work/events.ndjson" | awk '
    $1 != seq && $1 != seq + 1 { print "a gap before " $1; exit } { seq = $1 } END { print seq }')
[ "$last" = "$(number commit_seq)" ] || fail "the export ends at $last"
to_refund=$(orders_that_were refused_late)
[ "$to_refund" = "$RUN-ben-000001" ] || fail "to refund: $to_refund"
echo "   to refund: $to_refund"
"$LASTSEAT" orders ack "$SALE" --to "$last" >/dev/null # The books have it; the log may forget it.
expect confirmed $((PAID + 2 + 1 + 1 + 1 + 1))
audit_is_clean

step "a train of one coach: one seat is sold from stop to stop, to two people"
TRAIN=train-${RUN:0:8}
"$LASTSEAT" sale create "$TRAIN" --plan - <<'PLAN'
stops = ["A", "B", "C"]

[[classes]]
id = "second"
coaches = [{ ids = "1", rows = "1-20", letters = "ABC DF" }]
PLAN
# ride STATUS WORD BUYER FROM TO: an order of seat 1-7F between two stops.
ride() {
    call "$1" "$2" POST "/v1/sales/$TRAIN/orders" -H "idempotency-key: $RUN-$3-000001" -H 'content-type: application/json' \
        -d "{\"buyer\":\"$3\",\"lines\":[{\"class\":\"second\",\"from\":\"$4\",\"to\":\"$5\",\"seats\":[\"1-7F\"]}]}"
}
ride 201 1-7F fay A B
ride 201 1-7F gil B C
ride 409 seat_taken hal A C
"$LASTSEAT" audit "$TRAIN" >"$work/audit" 2>&1 || fail "the audit: $(cat "$work/audit")"

step "a good day: $(number confirmed) tickets sold, each to one buyer"
