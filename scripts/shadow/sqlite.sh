# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# sqlite3 fills a table of 50,000 rows with an index, deletes half, and vacuums

load() {
	sqlite3 "$FSC_DISK/db" "
		CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
			INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;
		CREATE INDEX x ON t(b);
		DELETE FROM t WHERE a % 2;
		VACUUM;
		SELECT count(*) FROM t;"
}

did() {
	grep -qx 25000 "$FSC_TMP/output"
	counted_as freed_file 2000
}

clean() { rm -f "$FSC_DISK/db"; }
