/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/bloblog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "format/path.h"
#include "librecord/session.h"

/* A buffer that one large blob needed is not kept. */
#define KEEP_SCRATCH ((size_t)1 << 20)

void
bloblog_init(struct bloblog *log)
{
	memset(log, 0, sizeof *log);
	log->fd = -1;
}

void
bloblog_release(struct bloblog *log)
{
	os_close(&log->fd);
	free(log->scratch);
	log->scratch = NULL;
	log->scratch_cap = 0;
}

static void
log_path(const struct tape *t, uint32_t number, char *path, size_t cap)
{
	char name[PATH_SEGMENT_TEXT];

	path_segment(number, true, name);
	session_file(t, name, path, cap);
}

static int
open_log(struct tape *t, struct bloblog *log)
{
	struct segment_id id = { .number = log->next_number, .blob = true };
	char path[SESSION_PATH + PATH_SEGMENT_TEXT];
	uint8_t header[SEGMENT_HEADER];
	int r;

	memcpy(id.tape, t->dir.id, sizeof id.tape);
	id.session[0] = t->session[0];
	id.session[1] = t->session[1];
	segment_header_write(&id, header, &log->key);
	log_path(t, id.number, path, sizeof path);
	r = os_create(t->dir.fd, path, &log->fd);
	if (r < 0)
		return r;
	r = os_write_all(log->fd, header, sizeof header, NULL);
	if (r < 0) {
		os_close(&log->fd);
		if (os_unlink(t->dir.fd, path) < 0)
			log->next_number++;
		return r;
	}
	log->number = log->next_number++;
	log->offset = log->synced = SEGMENT_HEADER;
	log->frames = 0;
	log->dir_dirty = true;
	return 0;
}

/* Reads back what a failed fsync leaves in doubt. */
static void
check(struct tape *t, struct bloblog *log)
{
	char path[SESSION_PATH + PATH_SEGMENT_TEXT];
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct tape_error err = { 0 };
	struct block_source source;
	uint64_t whole = 0;
	int fd = -1;

	log_path(t, log->number, path, sizeof path);
	if (os_open_read(t->dir.fd, path, &fd) >= 0) {
		source = block_from_fd(&fd, log->offset);
		if (segment_scan_open(&source, NULL, 0, &scan, &err) >= 0)
			while (segment_scan_next(scan, &event, &err) == 1)
				whole += event.kind == SCAN_FRAME;
		segment_scan_close(scan);
	}
	os_close(&fd);
	if (whole < log->frames) {
		log->lost += log->frames - whole;
		recorder_lost(t, log->frames - whole);
		recorder_error(t, "%s: %llu blobs did not reach the disk", path,
			       (unsigned long long)(log->frames - whole));
	} else {
		recorder_warn(t, "%s: fsync failed; the file reads back whole", path);
	}
}

int
bloblog_sync(struct tape *t, struct bloblog *log)
{
	char dir[SESSION_PATH];
	int bad = 0, r;

	/* Also for files that were left: until it works, none of them is safe. */
	if (log->dir_dirty) {
		session_file(t, "", dir, sizeof dir);
		bad = os_fsync_dir(t->dir.fd, dir);
		if (bad == -EINVAL)
			bad = 0;
		log->dir_dirty = bad < 0;
	}
	if (log->fd < 0 || log->synced == log->offset)
		return bad;
	r = os_fdatasync(log->fd);
	if (r < 0 && r != -EINVAL) {
		check(t, log);
		os_close(&log->fd);
	} else {
		log->synced = log->offset;
	}
	return bad;
}

static void
end_log(struct tape *t, struct bloblog *log, unsigned reason)
{
	struct end_info end = { .next_seq = atomic_load(&t->committed_seq) + 1,
				.frames = log->frames,
				.reason = reason };
	uint8_t buf[FRAME_HEADER + END_PAYLOAD];
	struct frame frame = { .kind = FRAME_END,
			       .flags = FRAME_FIRST | FRAME_LAST,
			       .payload_bytes = END_PAYLOAD,
			       .first_seq = end.next_seq,
			       .base_time = session_now(t),
			       .offset = log->offset };

	if (log->fd < 0)
		return;
	end_payload_write(&end, buf + FRAME_HEADER);
	frame_header_write(&log->key, &frame, buf + FRAME_HEADER, buf);
	if (os_write_all(log->fd, buf, sizeof buf, NULL) < 0)
		(void)os_truncate(log->fd, log->offset);
	else
		log->offset += sizeof buf;
	if (t->conf.sync != SYNC_NONE)
		(void)bloblog_sync(t, log);
	os_close(&log->fd);
}

void
bloblog_end(struct tape *t, struct bloblog *log)
{
	end_log(t, log, END_CLOSED);
}

static int
make_frame(struct tape *t, struct bloblog *log, const struct tape_hash *hash,
	   const void *data, size_t len)
{
	size_t size = FRAME_HEADER + BLOB_PREFIX + len;
	struct frame frame = { .kind = FRAME_BLOBS,
			       .flags = FRAME_FIRST | FRAME_LAST,
			       .contents = HAS_BLOB,
			       .payload_bytes = (uint32_t)(BLOB_PREFIX + len),
			       .first_seq = atomic_load(&t->committed_seq) + 1,
			       .records = 1,
			       .base_time = session_now(t),
			       .offset = log->offset };

	if (size > log->scratch_cap) {
		free(log->scratch);
		log->scratch = malloc(size);
		log->scratch_cap = log->scratch ? size : 0;
		if (!log->scratch)
			return -ENOMEM;
	}
	record_blob_prefix_write(log->scratch + FRAME_HEADER, hash, len);
	memcpy(log->scratch + FRAME_HEADER + BLOB_PREFIX, data, len);
	frame_header_write(&log->key, &frame, log->scratch + FRAME_HEADER, log->scratch);
	return 0;
}

static int
append(struct tape *t, struct bloblog *log, const struct tape_hash *hash,
       const void *data, size_t len, struct body_hint *place)
{
	size_t size = FRAME_HEADER + BLOB_PREFIX + len;
	int r;

	if (log->fd >= 0 && log->frames > 0 && log->offset + size > LIMIT_SEGMENT)
		end_log(t, log, END_ROLLED);
	if (atomic_load(&t->orphan))
		return -ESTALE; /* its session could not be begun */
	if (log->fd < 0) {
		r = open_log(t, log);
		if (r < 0)
			return r;
	}
	r = make_frame(t, log, hash, data, len);
	if (r < 0)
		return r;
	r = os_write_all(log->fd, log->scratch, size, NULL);
	if (r < 0) {
		/* Never again to a file that refused: the next try takes a new one. */
		(void)os_truncate(log->fd, log->offset);
		(void)bloblog_sync(t, log);
		os_close(&log->fd);
		return r;
	}
	place->segment = log->number | BODY_BLOB_SEGMENT;
	place->offset = log->offset + FRAME_HEADER;
	log->offset += size;
	log->frames++;
	return 0;
}

int
bloblog_append(struct tape *t, struct bloblog *log, const struct tape_hash *hash,
	       const void *data, size_t len, struct body_hint *place)
{
	int r = append(t, log, hash, data, len, place);

	if (r < 0 && r != -ENOMEM)
		r = append(t, log, hash, data, len, place);
	if (log->scratch_cap > KEEP_SCRATCH) {
		free(log->scratch);
		log->scratch = NULL;
		log->scratch_cap = 0;
	}
	return r;
}
