#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "verify/proof.h"
#include <string.h>

static ProofTouched *parse(const char *text)
{
    g_autoptr(json_t) json = json_parse(text, strlen(text), "test", NULL);
    ProofTouched *touched = proof_touched_new();
    const char *oid = NULL;
    json_t *mode = NULL;
    json_object_foreach(json, oid, mode) proof_touched_add(
        touched, (uint32_t)g_ascii_strtoull(oid, NULL, 10), json_string_value(mode));
    return touched;
}

static void only_some_modes_let_rows_change(void **state)
{
    (void)state;
    g_autoptr(ProofTouched) touched =
        parse("{\"1\": \"ShareLock\", \"2\": \"ShareRowExclusiveLock\", \"3\": "
              "\"RowExclusiveLock\", \"4\": \"AccessExclusiveLock\", \"5\": "
              "\"ShareUpdateExclusiveLock\", \"4294967295\": \"ExclusiveLock\", \"7\": "
              "\"FutureLock\"}");
    assert_false(proof_may_have_written(touched, 1));
    assert_false(proof_may_have_written(touched, 2));
    assert_true(proof_may_have_written(touched, 3));
    assert_true(proof_may_have_written(touched, 4));
    assert_false(proof_may_have_written(touched, 5));
    assert_true(proof_may_have_written(touched, 4294967295U));
    assert_true(proof_may_have_written(touched, 7));
    assert_false(proof_may_have_written(touched, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_some_modes_let_rows_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
