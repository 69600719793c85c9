#include "migration/step.h"

#include "migration/statement.h"

/* The segment that begins with statement first ends before this one. */
static guint segment_end(const MigrationFile *file, guint first)
{
    for (guint i = 0; file->commits != NULL && i < file->commits->len; i++) {
        const CommitMark *mark = &g_array_index(file->commits, CommitMark, i);
        if (mark->statements > first)
            return mark->statements;
    }
    return file->statements->len;
}

static bool is_off(const MigrationFile *file, guint first, guint end)
{
    if (file->transaction_off || file->repeatable)
        return !file->repeatable;
    for (guint i = first; i < end; i++)
        if (statement_classify(g_ptr_array_index(file->statements, i), NULL, NULL) ==
            STATEMENT_NO_TRANSACTION)
            return true;
    return false;
}

static bool is_bare(const MigrationFile *file, guint i)
{
    g_auto(BareStatement) bare = {0};
    bare_parse(g_ptr_array_index(file->statements, i), &bare);
    return bare.kind != BARE_NOT;
}

GArray *migration_steps(const MigrationFile *file)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(MigrationStep));
    guint first = 0;
    do {
        const guint end = segment_end(file, first);
        const bool off = end > 0 && is_off(file, first, end);
        while (first < end || steps->len == 0) {
            MigrationStep step = {first, off ? 1 : end - first, off, off && is_bare(file, first)};
            g_array_append_val(steps, step);
            first += step.count;
            if (end == 0)
                break;
        }
    } while (first < file->statements->len);
    return steps;
}

bool migration_step_is_riddle(const MigrationFile *file, int number)
{
    g_autoptr(GArray) steps = migration_steps(file);
    g_auto(BareStatement) bare = {0};
    const MigrationStep *step = NULL;
    if (number < 1 || number > (int)steps->len)
        return false;
    step = &g_array_index(steps, MigrationStep, number - 1);
    if (!step->bare)
        return false;
    bare_parse(g_ptr_array_index(file->statements, step->first), &bare);
    return bare.kind == BARE_COMMITS;
}

bool migration_has_steps(const GArray *steps)
{
    return steps->len > 1 || g_array_index(steps, MigrationStep, 0).bare;
}
