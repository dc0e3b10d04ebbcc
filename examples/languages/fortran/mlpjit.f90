! Trained models, run by mlpjit through its C interface: mlpjit/c_api.h says what each call does.
! Here a model takes rows of f32 and gives rows of f32. A row of C, the elements that lie next to
! each other, is a column of Fortran: x(width, rows).
!
!   call model%load('symbol.json', '0000.params')   ! or an ONNX file alone
!   call model%run(x, y)
!   call bound%bind(model)
!   call bound%run(x(:, 1), y(:, 1))                ! one row, quicker
!
! Each takes stat= and errmsg=, as allocate does; without stat=, what fails is an error stop. Models
! and bound calls free themselves: do not assign one to another.
module mlpjit
  use, intrinsic :: iso_c_binding
  implicit none
  private

  integer(c_int), parameter :: ok = 0, f32 = 0

  type, bind(c) :: input_t
    type(c_ptr) :: data = c_null_ptr
    integer(c_int) :: dtype = f32
    integer(c_int32_t) :: rank = 2
    type(c_ptr) :: sizes = c_null_ptr
  end type

  type, bind(c) :: output_t
    type(c_ptr) :: data = c_null_ptr
    integer(c_size_t) :: bytes = 0
    integer(c_int) :: dtype = f32        ! the call writes these
    integer(c_int32_t) :: rank = 0
    integer(c_int64_t) :: sizes(8) = 0
  end type

  type, public :: model_t
    private
    type(c_ptr) :: handle = c_null_ptr
    integer, public :: width = 0, output_width = 0
    character(:), allocatable, public :: input_name, output_name
  contains
    procedure :: load
    procedure :: run => run_model
    procedure :: class_count
    procedure :: class_name
    final :: free_model
  end type

  type, public :: bound_t
    private
    type(c_ptr) :: handle = c_null_ptr
    integer :: width = 0, output_width = 0
  contains
    procedure :: bind => bind_model
    procedure :: run => run_bound
    final :: free_bound
  end type

  interface
    function mlpjit_last_error() bind(c)
      import
      type(c_ptr) :: mlpjit_last_error
    end function
    function mlpjit_status_text(status) bind(c)
      import
      integer(c_int), value :: status
      type(c_ptr) :: mlpjit_status_text
    end function
    function mlpjit_load(model_file, parameter_file, options) bind(c)
      import
      character(kind=c_char), intent(in) :: model_file(*)
      character(kind=c_char), intent(in), optional :: parameter_file(*)   ! null, where absent
      type(c_ptr), value :: options
      type(c_ptr) :: mlpjit_load
    end function
    subroutine mlpjit_free(model) bind(c)
      import
      type(c_ptr), value :: model
    end subroutine
    function mlpjit_input_count(model) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t) :: mlpjit_input_count
    end function
    function mlpjit_input_name(model, index) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      type(c_ptr) :: mlpjit_input_name
    end function
    function mlpjit_input_dtype(model, index) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      integer(c_int) :: mlpjit_input_dtype
    end function
    function mlpjit_input_size(model, index, axis) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      integer(c_int32_t), value :: axis
      integer(c_int64_t) :: mlpjit_input_size
    end function
    function mlpjit_output_count(model) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t) :: mlpjit_output_count
    end function
    function mlpjit_output_name(model, index) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      type(c_ptr) :: mlpjit_output_name
    end function
    function mlpjit_output_dtype(model, index) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      integer(c_int) :: mlpjit_output_dtype
    end function
    function mlpjit_output_size(model, index, axis) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      integer(c_int32_t), value :: axis
      integer(c_int64_t) :: mlpjit_output_size
    end function
    function mlpjit_class_count(model) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t) :: mlpjit_class_count
    end function
    function mlpjit_class_name(model, index) bind(c)
      import
      type(c_ptr), value :: model
      integer(c_size_t), value :: index
      type(c_ptr) :: mlpjit_class_name
    end function
    function mlpjit_run(model, inputs, input_count, outputs, output_count) bind(c)
      import
      type(c_ptr), value :: model
      type(input_t), intent(in) :: inputs(*)
      integer(c_size_t), value :: input_count
      type(output_t), intent(inout) :: outputs(*)
      integer(c_size_t), value :: output_count
      integer(c_int) :: mlpjit_run
    end function
    function mlpjit_bind(model, inputs, input_count) bind(c)
      import
      type(c_ptr), value :: model
      type(input_t), intent(in) :: inputs(*)
      integer(c_size_t), value :: input_count
      type(c_ptr) :: mlpjit_bind
    end function
    subroutine mlpjit_bound_free(bound) bind(c)
      import
      type(c_ptr), value :: bound
    end subroutine
    function mlpjit_bound_run(bound, inputs, input_count, outputs, output_count) bind(c)
      import
      type(c_ptr), value :: bound
      type(c_ptr), intent(in) :: inputs(*)
      integer(c_size_t), value :: input_count
      type(c_ptr), intent(in) :: outputs(*)
      integer(c_size_t), value :: output_count
      integer(c_int) :: mlpjit_bound_run
    end function
    function strlen(text) bind(c)
      import
      type(c_ptr), value :: text
      integer(c_size_t) :: strlen
    end function
  end interface

contains

  function text_of(text) result(copy)
    type(c_ptr), intent(in) :: text
    character(:), allocatable :: copy
    character(kind=c_char), pointer :: characters(:)
    integer :: i
    call c_f_pointer(text, characters, [strlen(text)])
    allocate (character(size(characters)) :: copy)
    do i = 1, size(characters)
      copy(i:i) = characters(i)
    end do
  end function

  ! What a call says in the end: to the caller, where it wants to know.
  subroutine finish(failed, message, stat, errmsg)
    logical, intent(in) :: failed
    character(*), intent(in) :: message
    integer, intent(out), optional :: stat
    character(*), intent(inout), optional :: errmsg
    if (failed .and. .not. present(stat)) error stop message
    if (present(stat)) stat = merge(1, 0, failed)
    if (failed .and. present(errmsg)) errmsg = message
  end subroutine

  subroutine load(model, model_file, parameter_file, stat, errmsg)
    class(model_t), intent(inout) :: model
    character(*), intent(in) :: model_file
    character(*), intent(in), optional :: parameter_file
    integer, intent(out), optional :: stat
    character(*), intent(inout), optional :: errmsg
    type(c_ptr) :: handle
    if (present(parameter_file)) then
      handle = mlpjit_load(model_file // c_null_char, parameter_file // c_null_char, c_null_ptr)
    else
      handle = mlpjit_load(model_file // c_null_char, options=c_null_ptr)
    end if
    if (.not. c_associated(handle)) then
      call finish(.true., text_of(mlpjit_last_error()), stat, errmsg)
    else if (.not. takes_rows(handle)) then
      call mlpjit_free(handle)
      call finish(.true., model_file // ': a model of rows of f32 was expected', stat, errmsg)
    else
      call mlpjit_free(model%handle)
      model%handle = handle
      model%input_name = text_of(mlpjit_input_name(handle, 0_c_size_t))
      model%output_name = text_of(mlpjit_output_name(handle, 0_c_size_t))
      model%width = int(mlpjit_input_size(handle, 0_c_size_t, 1))
      model%output_width = int(mlpjit_output_size(handle, 0_c_size_t, 1))
      call finish(.false., '', stat, errmsg)
    end if
  end subroutine

  logical function takes_rows(handle)
    type(c_ptr), intent(in) :: handle
    takes_rows = all([ &
      mlpjit_input_count(handle) == 1, &
      mlpjit_output_count(handle) == 1, &
      mlpjit_input_dtype(handle, 0_c_size_t) == f32, &
      mlpjit_output_dtype(handle, 0_c_size_t) == f32, &
      mlpjit_input_size(handle, 0_c_size_t, 1) >= 0, &    ! -1 is of any size
      mlpjit_output_size(handle, 0_c_size_t, 1) >= 0, &
      mlpjit_input_size(handle, 0_c_size_t, 2) == -2, &   ! there is no third
      mlpjit_output_size(handle, 0_c_size_t, 2) == -2])
  end function

  integer function class_count(model)
    class(model_t), intent(in) :: model
    class_count = int(mlpjit_class_count(model%handle))
  end function

  ! The names are 1, 2, ... as all of Fortran; C counts from 0.
  function class_name(model, i) result(name)
    class(model_t), intent(in) :: model
    integer, intent(in) :: i
    character(:), allocatable :: name
    type(c_ptr) :: text
    text = mlpjit_class_name(model%handle, int(i - 1, c_size_t))
    name = ''
    if (c_associated(text)) name = text_of(text)
  end function

  subroutine run_model(model, x, y, stat, errmsg)
    class(model_t), intent(in) :: model
    real(c_float), intent(in), contiguous, target :: x(:, :)
    real(c_float), intent(out), contiguous, target :: y(:, :)
    integer, intent(out), optional :: stat
    character(*), intent(inout), optional :: errmsg
    integer(c_int64_t), target :: sizes(2)
    type(input_t) :: inputs(1)
    type(output_t) :: outputs(1)
    integer(c_int) :: status
    sizes = [size(x, 2), size(x, 1)]
    inputs(1)%data = c_loc(x)
    inputs(1)%sizes = c_loc(sizes)
    outputs(1)%data = c_loc(y)
    outputs(1)%bytes = size(y) * c_sizeof(0.0_c_float)
    status = mlpjit_run(model%handle, inputs, 1_c_size_t, outputs, 1_c_size_t)
    call finish(status /= ok, text_of(mlpjit_last_error()), stat, errmsg)
  end subroutine

  subroutine free_model(model)
    type(model_t), intent(inout) :: model
    call mlpjit_free(model%handle)
    model%handle = c_null_ptr
  end subroutine

  subroutine bind_model(bound, model, stat, errmsg)
    class(bound_t), intent(inout) :: bound
    class(model_t), intent(in) :: model
    integer, intent(out), optional :: stat
    character(*), intent(inout), optional :: errmsg
    integer(c_int64_t), target :: sizes(2)
    type(input_t) :: inputs(1)
    sizes = [1, model%width]
    inputs(1)%sizes = c_loc(sizes)
    call mlpjit_bound_free(bound%handle)
    bound%handle = mlpjit_bind(model%handle, inputs, 1_c_size_t)
    bound%width = model%width
    bound%output_width = model%output_width
    call finish(.not. c_associated(bound%handle), text_of(mlpjit_last_error()), stat, errmsg)
  end subroutine

  subroutine run_bound(bound, x, y, stat, errmsg)
    class(bound_t), intent(in) :: bound
    real(c_float), intent(in), contiguous, target :: x(:)
    real(c_float), intent(out), contiguous, target :: y(:)
    integer, intent(out), optional :: stat
    character(*), intent(inout), optional :: errmsg
    integer(c_int) :: status
    if (size(x) /= bound%width .or. size(y) /= bound%output_width) then
      call finish(.true., 'a row of another length', stat, errmsg)
      return
    end if
    status = mlpjit_bound_run(bound%handle, [c_loc(x)], 1_c_size_t, [c_loc(y)], 1_c_size_t)
    call finish(status /= ok, text_of(mlpjit_status_text(status)), stat, errmsg)
  end subroutine

  subroutine free_bound(bound)
    type(bound_t), intent(inout) :: bound
    call mlpjit_bound_free(bound%handle)
    bound%handle = c_null_ptr
  end subroutine
end module
