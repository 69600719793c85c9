#include "snapshot/toc.h"

#include <string.h>

/* The tar format's, which pg_dump writes into the directory format's toc.dat as well. */
#define FORMAT_BYTE 3

static void write_byte(GByteArray *out, int value)
{
    const guint8 byte = (guint8)value;
    g_byte_array_append(out, &byte, 1);
}

/* A sign, then the magnitude, the lowest byte first: WriteInt(). */
static void write_int(GByteArray *out, int value)
{
    const uint32_t magnitude = value < 0 ? 0U - (uint32_t)value : (uint32_t)value;
    write_byte(out, value < 0);
    for (int shift = 0; shift < 32; shift += 8)
        write_byte(out, (int)(magnitude >> shift & 0xFF));
}

static void write_text(GByteArray *out, const char *text)
{
    if (text == NULL) {
        write_int(out, -1);
        return;
    }
    write_int(out, (int)strlen(text));
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void write_entry(GByteArray *out, const Toc *toc, const TocEntry *entry)
{
    write_int(out, entry->id);
    write_int(out, entry->has_data);
    write_text(out, entry->table_oid);
    write_text(out, entry->oid);
    write_text(out, entry->tag);
    write_text(out, entry->desc);
    write_int(out, (int)entry->section);
    write_text(out, entry->defn);
    write_text(out, entry->drop);
    write_text(out, entry->copy);
    write_text(out, entry->schema);
    write_text(out, entry->tablespace);
    write_text(out, entry->access_method);
    if (toc->minor >= 16)
        write_int(out, entry->relkind);
    write_text(out, entry->owner);
    write_text(out, entry->with_oids);
    for (guint i = 0; i < entry->deps->len; i++) {
        g_autofree char *id = g_strdup_printf("%d", g_array_index(entry->deps, int, i));
        write_text(out, id);
    }
    write_text(out, NULL);
    write_text(out, entry->file != NULL ? entry->file : "");
}

GByteArray *toc_write(const Toc *toc)
{
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const guint8 *)"PGDMP", 5);
    write_byte(out, 1);
    write_byte(out, toc->minor);
    write_byte(out, toc->revision);
    write_byte(out, toc->int_bytes);
    write_byte(out, toc->offset_bytes);
    write_byte(out, FORMAT_BYTE);
    if (toc->minor >= 15)
        write_byte(out, toc->compression);
    else
        write_int(out, toc->compression);
    for (size_t i = 0; i < G_N_ELEMENTS(toc->created); i++)
        write_int(out, toc->created[i]);
    write_text(out, toc->database);
    write_text(out, toc->server_version);
    write_text(out, toc->dump_version);
    write_int(out, (int)toc->entries->len);
    for (guint i = 0; i < toc->entries->len; i++)
        write_entry(out, toc, g_ptr_array_index(toc->entries, i));
    return out;
}
