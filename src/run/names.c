#include "run/names.h"

#include "base/hash.h"
#include "base/text.h"
#include <string.h>

#define RUN_ID_MAX_BYTES 15 /* of run_id_new() */

#define HASH_BYTES 6

static char *role_name(const char *database, const char *infix, const char *run, const char *suffix)
{
    g_autofree char *tail = g_strconcat(infix, run, suffix, NULL);
    const size_t room = NAME_MAX_BYTES - strlen(tail);
    if (strlen(database) > room) {
        const HashHex hash = hash_text(database);
        g_autofree char *start = text_shorten(database, room - HASH_BYTES - 1);
        return g_strdup_printf("%s_%.*s%s", start, HASH_BYTES, hash.hex, tail);
    }
    return g_strconcat(database, tail, NULL);
}

RunNames *run_names_new(const char *database, const char *run)
{
    RunNames *names = g_new0(RunNames, 1);
    names->live = g_strdup(database);
    names->keep = role_name(database, "_drydock_", run, "_keep");
    names->work = role_name(database, "_drydock_", run, "_work");
    names->before = role_name(database, "_before_", run, "");
    names->failed = role_name(database, "_failed_", run, "");
    names->restore = role_name(database, "_drydock_", run, "_restore");
    names->rehearsal = role_name(database, "_rehearsal_", run, "");
    names->replaced = role_name(database, "_replaced_", run, "");
    names->unproven = role_name(database, "_unproven_", run, "");
    return names;
}

void run_names_free(RunNames *names)
{
    if (names == NULL)
        return;
    g_free(names->live);
    g_free(names->keep);
    g_free(names->work);
    g_free(names->before);
    g_free(names->failed);
    g_free(names->restore);
    g_free(names->rehearsal);
    g_free(names->replaced);
    g_free(names->unproven);
    g_free(names);
}

char *run_id_new(int64_t wall_us)
{
    g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(wall_us / G_USEC_PER_SEC);
    return g_date_time_format(moment, "%Y%m%dt%H%M%S");
}

bool run_id_is_valid(const char *text)
{
    return text != NULL && strlen(text) <= RUN_ID_MAX_BYTES &&
           strspn(text, "0123456789t") == strlen(text) && text[0] != '\0';
}
