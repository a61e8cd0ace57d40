// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own functions, on a file in tmpfs. The lookup of today's page
 * cache is include/linux/pagemap.h:filemap_get_folio() with folio_put(); overlay
 * is compared with it. fs/read_write.c:kernel_read() makes such a lookup, and
 * copies as many bytes as a lookup of ours uses. Keys are the file's pages; the
 * stamps are those of the other paths.
 *
 * Lookups by hand are inline. filemap_get_folio() is a call, which looks at flags
 * and calls filemap_get_entry(), unless the compiler put that into it. So "called"
 * is a lookup by hand of the same file behind one call, without flags.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>

#include <folioscale/compat.h>

#include "opencoded.h"

static struct file *file;

/*
 * After mm/filemap.c:filemap_get_entry(). Not find_overlay() of pagecache.c: no
 * mapping of ours has value entries, so no arm is charged for looking.
 */
static noinline struct folio *find_called(struct address_space *mapping, pgoff_t index)
{
	XA_STATE(xas, &mapping->i_pages, index);
	struct folio *folio;

	rcu_read_lock();
repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (!folio || xa_is_value(folio))
		goto out;
	if (!folio_try_get(folio))
		goto repeat;
	if (unlikely(folio != xas_reload(&xas))) {
		folio_put(folio);
		goto repeat;
	}
out:
	rcu_read_unlock();
	return folio;
}

static __always_inline u64 read_by(struct fsc_stream *stream, unsigned int n, bool by_hand)
{
	struct address_space *mapping = file->f_mapping;
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		struct folio *folio = by_hand ? find_called(mapping, key) :
						filemap_get_folio(mapping, key);

		/* A value entry, of a page that was swapped out, would be a miss. */
		if (IS_ERR_OR_NULL(folio) || xa_is_value(folio))
			continue;
		good += likely(READ_ONCE(folio->index) == key) &&
			fsc_opencoded_stamp_is(folio_pfn(folio), key, FSC_OPENCODED_GENERATION);
		folio_put(folio);
	}
	*stream = own;
	return good;
}

static u64 read_called(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, true);
}

static u64 read_filemap(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, false);
}

static u64 read_file(struct fsc_stream *stream, unsigned int n)
{
	static u64 line[FSC_LINE_BYTES / sizeof(u64)];
	const struct fsc_stamp *stamp = (const struct fsc_stamp *)line;
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		loff_t pos = (loff_t)key << PAGE_SHIFT;

		good += kernel_read(file, line, sizeof(line), &pos) == sizeof(line) &&
			stamp->key == key && stamp->generation == FSC_OPENCODED_GENERATION;
	}
	*stream = own;
	return good;
}

/* Put a page with its stamp under each key. */
static int fill(void)
{
	u32 key;

	for (key = 0; key < FSC_OPENCODED_FOLIOS; key++) {
		struct folio *folio = shmem_read_folio(file->f_mapping, key);

		if (IS_ERR(folio))
			return PTR_ERR(folio);
		if (folio_test_large(folio)) {
			pr_err("path=tmpfs: allowed: with shmem_enabled=never in /sys/kernel/mm/transparent_hugepage\n");
			folio_put(folio);
			return -EINVAL;
		}
		fsc_stamp_write(fsc_stamp_of(folio_pfn(folio)), key, FSC_OPENCODED_GENERATION, 0,
				FSC_LINE_BYTES);
		folio_mark_dirty(folio);
		folio_put(folio);
	}
	return 0;
}

static int set_up(void)
{
	file = shmem_file_setup("fsc_opencoded", (loff_t)FSC_OPENCODED_FOLIOS << PAGE_SHIFT,
				FSC_NO_VMA_FLAGS);
	if (IS_ERR(file))
		return PTR_ERR(file);
	return fill();
}

static void tear_down(void)
{
	if (!IS_ERR_OR_NULL(file))
		fput(file);
}

static const struct fsc_opencoded_loop loops[] = {
	{ "called", true, read_called },
	{ "filemap_get_folio", true, read_filemap },
	{ "kernel_read", true, read_file },
	{}
};

const struct fsc_opencoded_path fsc_opencoded_tmpfs = {
	.name		= "tmpfs",
	.loops		= loops,
	.unit		= 1,
	.set_up		= set_up,
	.tear_down	= tear_down,
	.good		= fsc_opencoded_all_hit,
};
