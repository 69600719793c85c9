/*
 * libFuzzer on tables of contents: any bytes either are one or give an error, what is read is
 * written again as it was, and changing it leaves something that can be read.
 */
#include "snapshot/toc.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rewritten(const Toc *toc)
{
    g_autoptr(GByteArray) bytes = toc_write(toc);
    g_autoptr(Toc) again = toc_parse(bytes->data, bytes->len, NULL);
    g_autoptr(GByteArray) same = again != NULL ? toc_write(again) : NULL;
    g_assert_true(same != NULL && same->len == bytes->len);
    g_assert_true(memcmp(same->data, bytes->data, same->len) == 0);
}

static void check_changes(Toc *toc)
{
    g_autoptr(GError) error = NULL;
    const bool renamed = toc_set_database(toc, "a \"b'", "o", NULL, &error);
    g_assert_true(renamed == (error == NULL));
    for (guint i = 0, n = toc->entries->len; i < n && i < 8; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        uint32_t oid = 0;
        g_autofree char *value = toc_sequence_value(toc, entry, &oid);
        g_autoptr(GPtrArray) columns = toc_copy_columns(entry, NULL);
        g_assert_true(value == NULL || strcmp(entry->desc, "SEQUENCE SET") == 0);
        if (columns == NULL)
            continue;
        toc_copy_set_binary(entry);
        g_autoptr(GPtrArray) same = toc_copy_columns(entry, NULL);
        g_assert_true(same != NULL && same->len == columns->len);
    }
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (entry->has_data && toc_next_id(toc) < 10000000) {
            toc_split(toc, entry, 3, NULL);
            break;
        }
    }
    check_rewritten(toc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Toc) toc = toc_parse(data, size, &error);
    g_assert_true((toc == NULL) == (error != NULL));
    if (toc == NULL)
        return 0;
    g_autoptr(GByteArray) written = toc_write(toc);
    g_assert_true(data[10] != 3 ||
                  (written->len == size && memcmp(written->data, data, size) == 0));
    check_changes(toc);
    return 0;
}
