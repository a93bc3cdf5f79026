/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query as a tree. The text is parsed once; nothing here knows a tape. The
 * tree is resolved against sessions and forms by plan.h, and evaluated on
 * scopes by eval.h.
 */
#ifndef TAPE_SEARCH_QUERY_H
#define TAPE_SEARCH_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "search/pattern.h"
#include "tape/search.h"

#define QUERY_TEXT_MAX 65536u
#define QUERY_DEPTH_MAX 256u

/* Wide enough for every 64-bit integer of either sign, so none goes by way of a double. */
__extension__ typedef __int128 query_int;

enum query_kind {
	QUERY_TRUE,
	QUERY_AND,
	QUERY_OR,
	QUERY_NOT,
	/* answered by a form */
	QUERY_LABEL,
	QUERY_PATH,
	QUERY_HAS,
	QUERY_LOST,
	QUERY_FILE,
	QUERY_FUNC,
	QUERY_LINE,
	QUERY_IS, /* is=name, {...}; by content where arrays are asked more than a form says */
	/* answered by a session */
	QUERY_SESSION,
	QUERY_RUN,
	QUERY_RANK,
	QUERY_HOST,
	/* answered by an occurrence, before its content is looked at */
	QUERY_TIME,
	QUERY_SEQ,
	QUERY_POS,
	QUERY_LINK,
	QUERY_AT,   /* @name and the like */
	QUERY_MARK, /* _mark */
	/* answered by content */
	QUERY_HASH,
	QUERY_BLOB,
	QUERY_VAR,
};

enum query_op {
	QUERY_EQ,
	QUERY_NE,
	QUERY_MATCH,
	QUERY_LT,
	QUERY_LE,
	QUERY_GT,
	QUERY_GE,
};

/* What a subtree looks at. A link shares labels and content with its target, not the rest. */
enum query_need {
	NEED_LABELS = 1,
	NEED_SITE = 2,
	NEED_SESSION = 4,
	NEED_OCCURRENCE = 8,
	NEED_CONTENT = 16,
};

/* Numbers derived from a variable: `x.min`, `z.re`. */
enum query_aspect {
	ASPECT_VALUE,
	ASPECT_MIN,
	ASPECT_MAX,
	ASPECT_MEAN,
	ASPECT_LEN,
	ASPECT_RE,
	ASPECT_IM,
};

struct query_segment {
	const char *text;
	size_t len;
	bool any; /* `*` */
	bool quoted;
};

struct query_path {
	const char *name; /* the segments joined by "." */
	size_t name_len;
	size_t base_len; /* without the last segment and its dot; 0 = one segment */
	struct query_segment *segments;
	size_t count;
	bool wild;
	uint8_t aspect; /* what the last segment would mean, ASPECT_VALUE = nothing */
	uint8_t field;	/* _has=_link: enum query_kind, 0 = a variable */
};

/*
 * One value of a list. Every numeric test is a closed interval in each of the
 * three domains a variable can live in; an empty one has lo > hi.
 */
struct query_atom {
	bool number, nan, boolean, truth;
	bool range; /* text, hi_text are its ends; either may be open */
	bool lo_open, hi_open;
	bool quoted;
	double dlo, dhi;
	float flo, fhi;
	query_int ilo, ihi;
	const char *text, *hi_text;
	size_t len, hi_len;
	int64_t tlo, thi; /* QUERY_TIME */
	uint64_t
		seq; /* QUERY_POS, QUERY_LINK: after the colon; QUERY_AT: after #, 0 = any */
	uint64_t hi_seq;
	struct query_path path; /* QUERY_HAS, QUERY_LOST */
	struct pattern *pattern;
	uint32_t at; /* offset in the text */
};

struct partial;
struct query_node {
	uint8_t kind, op;
	uint8_t need;
	int8_t memo;   /* slot of a subtree that depends on content alone, -1 = none */
	uint32_t id;   /* 0..node_count-1 */
	uint32_t leaf; /* QUERY_VAR: 0..var_count-1 */
	uint32_t mark; /* QUERY_AT, QUERY_MARK: 0..mark_count-1 */
	uint32_t at;
	struct query_node *first, *next; /* children, siblings */
	struct query_node *points;	 /* QUERY_AT: the next that is "@name" alone */
	struct query_path path;		 /* QUERY_VAR */
	struct query_atom *atoms;
	size_t atom_count;
	struct partial *partial;     /* QUERY_IS */
	struct query_node *partials; /* the next such node */
};

/* Labels of the library itself; their scopes are hidden unless named. */
enum query_system {
	SYSTEM_TARE = 1,
	SYSTEM_CACHE = 2,
	SYSTEM_BOOKMARK = 4,
	SYSTEM_FILE = 8
};
#define QUERY_MEMO_SLOTS 8

struct query_chunk;
struct tape_query {
	struct query_node *root;
	uint32_t node_count, var_count;
	uint32_t memo_count;
	uint32_t mark_count;
	struct query_node *points;   /* terms "@name": such bookmarks are answers */
	struct query_node *partials; /* QUERY_IS: theirs to free */
	uint8_t named;		     /* enum query_system */
	struct query_chunk *chunks;
	struct pattern **patterns;
	size_t pattern_count, pattern_cap;
};

/* Memory that lives as long as the query; NULL when there is none. */
void *query_alloc(struct tape_query *query, size_t size);
/* Bit of enum query_system for such a label, else 0. */
uint8_t query_system_label(const char *label, size_t len);
bool query_path_match(const struct query_path *path, const char *name, size_t len);
/* The same with the last segment left out. */
bool query_path_match_base(const struct query_path *path, const char *name, size_t len);

#endif
