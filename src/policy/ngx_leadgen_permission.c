
/*
 * The table of permissions, as C sees it: a name goes in, its number comes out.
 */


#include "ngx_leadgen_policy.h"


const ngx_leadgen_permission_t
    ngx_leadgen_permissions[NGX_LEADGEN_NPERMISSIONS] = {
#define PERMISSION(id, name, category, text)                                  \
    { ngx_string(name), ngx_string(category), ngx_string(text) },
#include "tables/permissions.def"
#undef PERMISSION
};


const char  ngx_leadgen_permission_names[] =
#define PERMISSION(id, name, category, text)  " " name
#include "tables/permissions.def"
#undef PERMISSION
;


ngx_int_t
ngx_leadgen_permission_find(const ngx_str_t *name)
{
    ngx_uint_t        i;
    const ngx_str_t  *known;

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {
        known = &ngx_leadgen_permissions[i].name;

        if (known->len == name->len
            && ngx_memcmp(known->data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}
