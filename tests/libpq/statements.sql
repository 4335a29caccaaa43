select 1
---
select 1 as a, null as b, '' as c, 'text' as d
---

---
;
---
-- comment only
---
/* a */ ; /* b */
---
select
---
select 1; select 2; select 3
---
select 1; nonsense; select 2
---
select 1; select 1/0; select 2
---
create temp table t (id int primary key, name varchar(20) not null, n numeric(10,2), at timestamptz, j jsonb, a int[])
---
insert into t values (1, 'one', 1.5, '2020-01-01 00:00:00+00', '{"a": 1}', '{1,2,null}')
---
insert into t (id, name) values (2, 'two'), (3, 'three') returning id, name
---
insert into t values (1, 'again')
---
insert into t values (9, null)
---
insert into t values (9, repeat('x', 21))
---
insert into t values ('x', 'y')
---
select * from t order by id
---
select t.id, t.*, u.name as other from t join t u using (id) order by 1
---
select ctid, tableoid > 0, id from t
---
update t set n = 0 where id = 1
---
update t set n = 0 where id = 100
---
update t set n = id returning *
---
delete from t where id > 2
---
merge into t using (values (1), (7)) v(id) on t.id = v.id when matched then update set n = 9 when not matched then insert (id, name) values (v.id, 'm')
---
truncate t
---
values (1, 'a'), (2, 'b')
---
table t
---
begin
---
savepoint s
---
nonsense
---
select 1
---
rollback to s
---
select 1
---
commit
---
commit
---
rollback
---
begin; select 1/0
---
commit
---
start transaction read only; create table x (i int)
---
rollback
---
declare c cursor with hold for select generate_series(1, 10)
---
fetch 3 from c
---
fetch 0 from c
---
move 2 in c
---
fetch all from c
---
close c
---
close c
---
begin; declare b binary cursor for select 1, 'x'::text, null::int, 1.5::float8; fetch b; commit
---
show server_encoding
---
set datestyle = 'sql, dmy'; show datestyle
---
reset datestyle
---
set work_mem = 'nonsense'
---
set nonsense.x = 1; show nonsense.x
---
prepare p(int) as select $1 + 1
---
execute p(41)
---
execute p('x')
---
execute nosuch
---
deallocate p
---
explain (costs off) select 1
---
vacuum t
---
begin; vacuum t
---
rollback
---
listen a; notify a, 'x'; unlisten *
---
do $$ begin raise notice 'n %', 1; raise warning 'w' using detail = 'd', hint = 'h', errcode = '01234'; raise info 'i'; end $$
---
do $$ begin raise exception 'boom' using detail = 'd', hint = 'h', errcode = 'P1234', column = 'c', constraint = 'k', datatype = 'y', table = 't', schema = 's'; end $$
---
do $$ begin execute 'select * from nowhere where x = 1'; end $$
---
do $$ begin perform 1/0; end $$
---
create function pg_temp.f(i int) returns int language plpgsql as $$ begin return 1/i; end $$
---
select pg_temp.f(0)
---
select pg_temp.f(1), pg_temp.f(i => 2)
---
select nofunction(1, 'x')
---
select * from nowhere
---
select nope from pg_class
---
select 1,
  2,
  nope
from pg_class
where true
---
select 1,
	nope,
2
---
select 'long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long ', nope, 'tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail '
---
select nope, 'tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail tail '
---
select 'head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head head ', nope
---
select '漢字漢字漢字', nope, 'é'
---
select '漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字', nope, 'かなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかなかな'
---
select 'unterminated
---
select "unterminated
---
select 1 +
---
select $1
---
select 'a'::int
---
select 1::text || 2, now() is not null, current_user
---
select 'x' as "weird ""name"" é"
---
select '\x00ff'::bytea, e'tab\tnew\nline'
---
select n from generate_series(1, 1000) n
---
select repeat('x', 100000)
---
select array[[1,2],[3,4]], row(1, 'a'), '[1,5)'::int4range, interval '1 day 2 hours', 'infinity'::date, 'NaN'::numeric, point(1,2)
---
select 1/(n-500) from generate_series(1, 1000) n
---
create temp table c (a int, b text)
---
copy c from stdin
<<<
1	one
2	\N

---
copy c from stdin
<<<
bad

---
copy c from stdin
---
copy c from stdin
<<<
1

---
copy c from stdin with (format csv)
<<<
3,"three, ""quoted"""

---
copy c from stdin; select count(*) from c
<<<
4	four

---
copy c to stdout
---
copy (select 1/(2-a) from c) to stdout
---
copy c to stdout with (format binary)
---
copy (select * from c where false) to stdout; select 5
---
copy c to stdout; copy c to stdout
---
copy nowhere to stdout
---
select * from c order by 1
---
alter table c add primary key (a)
---
create temp table r (a int references c)
---
insert into r values (99)
---
create domain pg_temp.small as int check (value < 10); select 11::pg_temp.small
---
create temp table if not exists c (a int)
---
drop table if exists nowhere, r
---
drop table c cascade
---
create view pg_temp.v as select 1 as one; select * from v
---
analyze
---
lock table t
---
checkpoint
---
select pg_sleep(0)
---
set statement_timeout = 50; select pg_sleep(10)
---
reset statement_timeout
---
set standard_conforming_strings = off; select 'a\\b'
---
reset standard_conforming_strings
---
set escape_string_warning = on; set standard_conforming_strings = off; select 'x\\y'; reset standard_conforming_strings
---
set client_min_messages = debug1; create temp table d (i serial primary key); reset client_min_messages
---
discard all
