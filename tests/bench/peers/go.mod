module lastseat/peers

go 1.19

require github.com/gomodule/redigo v1.8.3

// Of the Debian package golang-github-gomodule-redigo-dev: no module proxy is asked, and apt keeps the version.
replace github.com/gomodule/redigo => /usr/share/gocode/src/github.com/gomodule/redigo
