# SPDX-License-Identifier: Apache-2.0
# The medians as a table for people, then as lines for programs.
function show(what, name) {
	if (name in median)
		printf "%-44s %12.2f %-5s %12.2f %12.2f\n", what, median[name], unit[name], least[name], most[name]
}
function compare(what, name) {
	show("packed: " what, "packed." name)
	show("  sqlite3", "packed.sqlite_" name)
}
# a must be at most (or, with above, at least) mark times b
function mark(what, a, b, limit, above,    ratio, verdict) {
	if (!(a in median) || !(b in median) || median[b] == 0)
		return
	ratio = above ? median[b] / median[a] : median[a] / median[b]
	verdict = (above ? ratio >= limit : ratio <= limit) ? "PASS" : "SHORT"
	printf "%-44s %12.2f %s %-5g %s\n", what, ratio, above ? ">=" : "<=", limit, verdict
	marks[++count] = sprintf("mark\t%s\t%.3f\t%s\t%g\t%s", what, ratio, above ? ">=" : "<=", limit, verdict)
}
{ unit[$1] = $2; median[$1] = $3; least[$1] = $4; most[$1] = $5; line[NR] = $0 }
END {
	printf "%-44s %12s %-5s %12s %12s\n", "", "median", "", "least", "most"
	show("the floor: copy, write(2)", "record.floor")
	show("TAPE(), dedup off", "record.tape_dedup_off")
	show("TAPE(), dedup off, in turns with the next", "record.tape_no_rules")
	show("TAPE(), 50 rules, 20 hooks that do not match", "record.tape_rules")
	show("  with / without, pair by pair", "record.rules_ratio")
	show("TAPE_LOCALS of nine numbers, with a list", "record.locals_list")
	show("TAPE() of the same", "record.locals_named")
	show("TAPE_LOCALS of two numbers and a char *, with a list", "record.locals_list_text")
	show("TAPE() of the same", "record.locals_named_text")
	show("TAPE(), dedup on", "record.tape_dedup_on")
	show("fprintf of a JSON line", "record.fprintf_json")
	show("SQLite WAL, JSON rows", "record.sqlite_wal")
	show("the floor, fdatasync every 16 MiB", "record.floor_synced")
	show("TAPE(), all by default (sync=1000)", "record.tape_default")
	show("stages of 9,910 scopes of nested loops, dedup off", "record.nested_off")
	show("  dedup = subset", "record.nested_subset")
	show("  tape-find, JSON lines", "find.nested_off")
	show("  tape-find, JSON lines, dedup = subset", "find.nested_subset")
	show("TAPE(), left out by count", "record.thinned")
	show("TAPE(NULL)", "record.tape_null")
	show("label, enter and leave", "record.label_enter_leave")
	show("tape-record, JSON lines", "record.tape_record")
	show("tape-find label, 5 %, positions", "find.label")
	show("tape-find label, 5 %, JSON lines", "find.label_lines")
	show("rg label", "find.rg_label_lines")
	show("tape-find label --count", "find.label_count")
	show("rg -c label", "find.rg_label_count")
	show("tape-find range, JSON lines", "find.range_lines")
	show("tape-find range --count", "find.range_count")
	show("tape-find position", "find.position")
	show("rg position", "find.rg_position")
	show("tape-compact", "compact.time")
	show("  scope pack", "compact.packs")
	show("  with index", "compact.with_index")
	show("JSON lines under zstd -9", "compact.json")
	show("SQLite, indexed", "compact.sqlite")
	compare("label, 5 %, positions", "label")
	compare("range, 0.1 %", "range")
	compare("value and range, 100", "value_range")
	compare("time span, 1,000", "span")
	compare("position", "position")
	compare("hash of one scope", "hash_once")
	compare("hash of several", "hash")
	show("rg, label", "packed.rg_label")
	show("rg, one line", "packed.rg_position")
	show("in process, position", "packed.in_process_position")
	show("in process, hash", "packed.in_process_hash")
	show("TAPE_KEY", "cache.key")
	show("TAPE_RECALL, a hit", "cache.tape_hit")
	show("  of few keys, which memory does not slow down", "cache.tape_hit_few")
	show("  a miss", "cache.tape_miss")
	show("  names made at run time", "cache.tape_hit_run_time_names")
	show("  of another live session, its look in it", "cache.tape_hit_other_first")
	show("  once more", "cache.tape_hit_other")
	show("  compacted, for the first time", "cache.tape_hit_compacted")
	show("  once more", "cache.tape_hit_compacted_again")
	show("  a miss, compacted", "cache.tape_miss_compacted")
	show("100,000 keys of 400 bytes: a hit", "cache.large_tape_hit")
	show("  the key at hand", "cache.large_tape_hit_key_at_hand")
	show("  memcpy from as many places", "cache.large_copy")
	show("  memcpy, each place known from the last", "cache.large_copy_waiting")
	show("  SQLite", "cache.large_sqlite_hit")
	show("SQLite, a hit", "cache.sqlite_hit")
	show("  a miss", "cache.sqlite_miss")
	show("  a hit in a transaction", "cache.sqlite_hit_in_transaction")
	show("a file for each key, a hit", "cache.files_hit")
	show("  a miss", "cache.files_miss")
	show("TAPE_STORE", "cache.tape_store")
	show("SQLite", "cache.sqlite_store")
	show("a file for each key", "cache.files_store")
	show("blobs", "blob.input")
	show("tape-compact, blobs", "blob.compact")
	show("  size", "blob.compact_size")
	show("borg create -C zstd,3", "blob.borg")
	show("  size", "blob.borg_size")
	show("tar, zstd -3 --long", "blob.tar_zstd")
	show("  size", "blob.tar_zstd_size")
	print ""
	printf "%-44s %12s\n", "ratios", ""
	mark("dedup off / floor", "record.tape_dedup_off", "record.floor", 3, 0)
	mark("dedup on / floor", "record.tape_dedup_on", "record.floor", 5, 0)
	median["record.one"] = 1
	mark("50 rules, 20 hooks / none", "record.rules_ratio", "record.one", 1.05, 0)
	mark("TAPE_LOCALS with a list / the same TAPE", "record.locals_list", "record.locals_named", 1.05, 0)
	mark("nested loops, subset / off", "record.nested_subset", "record.nested_off", 2.5, 0)
	mark("nested loops, reading, subset / off", "find.nested_subset", "find.nested_off", 2.5, 0)
	mark("fprintf / dedup off", "record.tape_dedup_off", "record.fprintf_json", 15, 1)
	mark("fprintf / dedup on", "record.tape_dedup_on", "record.fprintf_json", 15, 1)
	mark("SQLite / dedup off", "record.tape_dedup_off", "record.sqlite_wal", 20, 1)
	mark("SQLite / dedup on", "record.tape_dedup_on", "record.sqlite_wal", 20, 1)
	mark("default / synced floor", "record.tape_default", "record.floor_synced", 5, 0)
	mark("find label, positions / rg", "find.label", "find.rg_label_lines", 1, 0)
	mark("find label, JSON lines / rg", "find.label_lines", "find.rg_label_lines", 1, 0)
	mark("find label --count / rg -c", "find.label_count", "find.rg_label_count", 1, 0)
	mark("find position / rg", "find.position", "find.rg_position", 1, 0)
	# Time for a million scopes at 500,000 a second, whatever their number is.
	median["compact.allowed"] = rows / 500000 * 1000
	mark("compacting / 500,000 scopes a second", "compact.time", "compact.allowed", 1, 0)
	mark("scope pack / zstd -9", "compact.packs", "compact.json", 0.75, 0)
	mark("scope pack, the next mark", "compact.packs", "compact.json", 0.45, 0)
	mark("with index / zstd -9", "compact.with_index", "compact.json", 0.90, 0)
	mark("with index, the next mark", "compact.with_index", "compact.json", 0.60, 0)
	mark("packed label / rg", "packed.label", "packed.rg_label", 3, 1)
	mark("packed position / rg", "packed.position", "packed.rg_position", 3, 1)
	mark("packed position / sqlite3", "packed.position", "packed.sqlite_position", 1, 0)
	mark("packed hash of one / sqlite3", "packed.hash_once", "packed.sqlite_hash_once", 1, 0)
	mark("packed hash of several / sqlite3", "packed.hash", "packed.sqlite_hash", 1, 0)
	median["packed.allowed"] = 100
	mark("in process, position / 100 us", "packed.in_process_position", "packed.allowed", 1, 0)
	mark("in process, hash / 100 us", "packed.in_process_hash", "packed.allowed", 1, 0)
	median["cache.own_allowed"] = 100
	if (("cache.tape_hit_few" in median) && ("cache.key" in median)) {
		median["cache.few_own"] = median["cache.tape_hit_few"] - median["cache.key"]
		mark("a hit of few keys, less its TAPE_KEY / 100 ns", "cache.few_own", "cache.own_allowed", 1, 0)
	}
	mark("SQLite / a hit in process", "cache.tape_hit", "cache.sqlite_hit", 10, 1)
	mark("SQLite / a hit, 100,000 keys of 400 bytes", "cache.large_tape_hit", "cache.large_sqlite_hit", 10, 1)
	if (("cache.large_tape_hit_key_at_hand" in median) && ("cache.large_copy_waiting" in median)) {
		median["cache.large_own"] = median["cache.large_tape_hit_key_at_hand"] - median["cache.large_copy_waiting"]
		median["cache.large_with_key"] = median["cache.large_tape_hit"] - median["cache.large_copy_waiting"]
		mark("a hit of these, key at hand, less the copy / 100 ns", "cache.large_own", "cache.own_allowed", 1, 0)
		mark("  and TAPE_KEY with it / 100 ns", "cache.large_with_key", "cache.own_allowed", 1, 0)
	}
	mark("a hit, compacted / SQLite", "cache.tape_hit_compacted", "cache.sqlite_hit", 1, 0)
	mark("a hit, other session / SQLite", "cache.tape_hit_other_first", "cache.sqlite_hit", 1, 0)
	mark("blobs, size / borg", "blob.compact_size", "blob.borg_size", 1, 0)
	mark("blobs, time / borg", "blob.compact", "blob.borg", 1, 0)
	mark("blobs, size / tar and zstd", "blob.compact_size", "blob.tar_zstd_size", 1, 0)
	mark("blobs, time / tar and zstd", "blob.compact", "blob.tar_zstd", 1, 0)
	if ("record.thinned" in median)
		printf "%-44s %12.2f <= 5     %s\n", "left out by count, ns", median["record.thinned"],
			(median["record.thinned"] <= 5 ? "PASS" : "SHORT")
	if ("record.tape_record" in median)
		printf "%-44s %12.2f >= 60    %s\n", "tape-record MB/s", median["record.tape_record"],
			(median["record.tape_record"] >= 60 ? "PASS" : "SHORT")
	print ""
	for (i = 1; i <= NR; i++)
		print "bench\t" line[i]
	for (i = 1; i <= count; i++)
		print marks[i]
}
